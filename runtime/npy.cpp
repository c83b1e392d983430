// The .npy format: a magic string, a Python dictionary as text, the elements.
#include "runtime/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/array.h"
#include "runtime/bit_packing.h"
#include "runtime/npy_text.h"
#include "runtime/tensor_file.h"

namespace cnnc {
namespace {

struct NpyType {
  const char* code;
  int32_t dtype;
};

// V2 is how NumPy writes the bfloat16 of ml_dtypes.
constexpr NpyType kTypes[] = {
    {"f4", CNNC_FLOAT},      {"f8", CNNC_DOUBLE},     {"f2", CNNC_FLOAT16}, {"u1", CNNC_UINT8},
    {"i1", CNNC_INT8},       {"u2", CNNC_UINT16},     {"i2", CNNC_INT16},   {"u4", CNNC_UINT32},
    {"i4", CNNC_INT32},      {"u8", CNNC_UINT64},     {"i8", CNNC_INT64},   {"b1", CNNC_BOOL},
    {"c8", CNNC_COMPLEX64},  {"c16", CNNC_COMPLEX128}, {"V2", CNNC_BFLOAT16},
};

// How NumPy writes every narrow type of ml_dtypes, one byte for each element; which one it is, the file does not say.
constexpr char kNarrowCode[] = "V1";

bool is_narrow_number(int32_t dtype) { return is_narrow(static_cast<DType>(dtype)); }

bool unknown_narrow(ErrorText* error) {
  return error->set("the .npy type 'V1' does not say which type it is; give a .pb file");
}

// Walks the header's text; every read is bounded by its end.
class HeaderText {
 public:
  HeaderText(const char* begin, const char* end) : begin_(begin), end_(end) {}

  // Moves behind 'key': ; false if the header has no such key.
  bool find(const char* key) {
    char quoted[32];
    const int length = snprintf(quoted, sizeof quoted, "'%s'", key);
    const void* found = memmem(begin_, static_cast<size_t>(end_ - begin_), quoted,
                               static_cast<size_t>(length));
    if (!found) return false;
    at_ = static_cast<const char*>(found) + length;
    return accept(':');
  }

  bool accept(char c) {
    skip_spaces();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool accept_word(const char* word) {
    skip_spaces();
    const size_t length = strlen(word);
    if (static_cast<size_t>(end_ - at_) < length || memcmp(at_, word, length)) return false;
    at_ += length;
    return true;
  }

  bool quoted(char* text, size_t size) {
    if (!accept('\'')) return false;
    size_t used = 0;
    while (at_ < end_ && *at_ != '\'' && used + 1 < size) text[used++] = *at_++;
    text[used] = 0;
    return accept('\'');
  }

  bool number(int64_t* value) {
    skip_spaces();
    if (at_ == end_ || *at_ < '0' || *at_ > '9') return false;
    *value = 0;
    for (; at_ < end_ && *at_ >= '0' && *at_ <= '9'; ++at_) {
      if (__builtin_mul_overflow(*value, 10, value)) return false;
      if (__builtin_add_overflow(*value, *at_ - '0', value)) return false;
    }
    return true;
  }

 private:
  void skip_spaces() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n')) ++at_;
  }

  const char* begin_;
  const char* end_;
  const char* at_ = nullptr;
};

// The elements' type; `characters` is the length of a text.
bool parse_dtype(HeaderText& header, HostTensor* out, size_t* characters, ErrorText* error) {
  char code[16];
  if (!header.find("descr") || !header.quoted(code, sizeof code)) {
    return error->set("the .npy header has no simple 'descr'");
  }
  const bool little = code[0] == '<' || code[0] == '|' || code[0] == '=';
  for (const NpyType& type : kTypes) {
    if (little && !strcmp(code + 1, type.code)) {
      out->dtype = type.dtype;
      return true;
    }
  }
  if (little && parse_text_code(code + 1, characters)) {
    out->dtype = CNNC_STRING;
    return true;
  }
  if (little && !strcmp(code + 1, kNarrowCode)) return is_narrow_number(out->dtype) || unknown_narrow(error);
  return error->set("the .npy type '%s' is not supported; needed is a little-endian number or a text 'U'", code);
}

bool parse_shape(HeaderText& header, HostTensor* out, ErrorText* error) {
  if (!header.find("shape") || !header.accept('(')) {
    return error->set("the .npy header has no 'shape'");
  }
  out->rank = 0;
  for (bool more = true; !header.accept(')'); more = header.accept(',')) {
    if (out->rank == CNNC_MAX_RANK) {
      return error->set("the .npy shape has more than %d dimensions", CNNC_MAX_RANK);
    }
    if (!more || !header.number(&out->dims[out->rank++])) {
      return error->set("the .npy header has a bad 'shape'");
    }
  }
  return true;
}

// Copies elements stored with the first index fastest.
void copy_fortran(const uint8_t* source, HostTensor* out) {
  const size_t element = cnnc_dtype_bits(out->dtype) / 8;
  const size_t count = out->bytes / element;
  int64_t index[CNNC_MAX_RANK] = {};
  char* data = static_cast<char*>(out->data);
  for (size_t i = 0; i < count; ++i, source += element) {
    int64_t offset = 0;
    for (int32_t d = 0; d < out->rank; ++d) offset = offset * out->dims[d] + index[d];
    memcpy(data + static_cast<size_t>(offset) * element, source, element);
    for (int32_t d = 0; d < out->rank && ++index[d] == out->dims[d]; ++d) index[d] = 0;
  }
}

void copy_elements(const uint8_t* source, bool fortran, HostTensor* out) {
  if (fortran) copy_fortran(source, out);
  else memcpy(out->data, source, out->bytes);
}

bool copy_texts(const uint8_t* source, size_t characters, bool fortran, HostTensor* out,
                ErrorText* error) {
  Array<const char*> texts;
  if (!texts.allocate(out->bytes / sizeof(const char*))) return error->set("out of memory");
  if (!read_texts(source, characters, texts, out, error)) return false;
  copy_elements(reinterpret_cast<const uint8_t*>(texts.data()), fortran, out);
  return true;
}

// ml_dtypes leaves the upper bits of an i4 clear.
void extend_elements(HostTensor* tensor) {
  const auto type = static_cast<DType>(tensor->dtype);
  if (!is_packed_in_files(type)) return;
  auto* bytes = static_cast<uint8_t*>(tensor->data);
  for (size_t i = 0; i < tensor->bytes; ++i) bytes[i] = element_byte(type, bytes[i]);
}

struct NpyLayout {
  size_t header_begin, header_end;
  size_t characters; // of a text
  bool fortran;
};

bool find_header(const uint8_t* bytes, size_t size, NpyLayout* layout, ErrorText* error) {
  if (size < 10 || memcmp(bytes, "\x93NUMPY", 6)) return error->set("it is not a .npy file");
  const uint8_t version = bytes[6];
  if (version < 1 || version > 3) return error->set(".npy version %u is not supported", version);
  layout->header_begin = version == 1 ? 10 : 12;
  if (size < layout->header_begin) return error->set("the .npy file is truncated");
  uint32_t length = bytes[8] | uint32_t{bytes[9]} << 8;
  if (version > 1) length |= uint32_t{bytes[10]} << 16 | uint32_t{bytes[11]} << 24;
  layout->header_end = layout->header_begin + length;
  return layout->header_end <= size || error->set("the .npy header is truncated");
}

// Type and layout of a file of `file_size` bytes, of which `size` are at hand: all of the header at least.
bool parse_header(const uint8_t* bytes, size_t size, size_t file_size, HostTensor* out,
                  NpyLayout* layout, ErrorText* error) {
  if (!find_header(bytes, size, layout, error)) return false;
  const char* text = reinterpret_cast<const char*>(bytes);
  HeaderText header(text + layout->header_begin, text + layout->header_end);
  if (!parse_dtype(header, out, &layout->characters, error) || !parse_shape(header, out, error)) {
    return false;
  }
  if (!header.find("fortran_order")) return error->set("the .npy header has no 'fortran_order'");
  layout->fortran = header.accept_word("True");
  const bool is_text = out->dtype == CNNC_STRING;
  int64_t needed = is_text ? element_count(out->rank, out->dims)
                           : tensor_bytes(out->dtype, out->rank, out->dims);
  const auto width = static_cast<int64_t>(kBytesOfCharacter * layout->characters);
  if (is_text && (width == 0 || __builtin_mul_overflow(needed, width, &needed))) needed = -1;
  const size_t stored = file_size - layout->header_end;
  if (needed >= 0 && static_cast<uint64_t>(needed) == stored) return true;
  return error->set("the .npy data has %zu bytes, its shape needs %lld", stored,
                    static_cast<long long>(needed));
}

} // namespace

bool parse_npy(const uint8_t* bytes, size_t size, HostTensor* out, ErrorText* error) {
  NpyLayout layout{};
  if (!parse_header(bytes, size, size, out, &layout, error) || !out->allocate(error)) return false;
  const uint8_t* elements = bytes + layout.header_end;
  if (out->dtype == CNNC_STRING) {
    return copy_texts(elements, layout.characters, layout.fortran, out, error);
  }
  copy_elements(elements, layout.fortran, out);
  extend_elements(out);
  return true;
}

// ---- elements in the file ----------------------------------------------------------------------

NpyFile::~NpyFile() {
  if (file_ >= 0) close(file_);
  free(path_);
}

bool NpyFile::open(const char* path) {
  path_ = strdup(path);
  file_ = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not block
  struct stat info;
  if (!path_ || file_ < 0 || fstat(file_, &info) || !S_ISREG(info.st_mode)) return false;
  uint8_t head[4096];
  const ssize_t got = pread(file_, head, sizeof head, 0);
  NpyLayout layout{};
  ErrorText reason;
  if (got < 0 || !parse_header(head, static_cast<size_t>(got), static_cast<size_t>(info.st_size),
                               &type_, &layout, &reason)) {
    return false;
  }
  first_ = layout.header_end;
  bytes_ = static_cast<size_t>(info.st_size) - first_;
  const auto type = static_cast<DType>(type_.dtype);
  return !layout.fortran && type_.dtype != CNNC_STRING && !is_packed_in_files(type);
}

bool NpyFile::read(size_t offset, size_t bytes, void* to, ErrorText* error) const {
  for (size_t done = 0; done < bytes;) {
    const auto at = static_cast<off_t>(first_ + offset + done);
    const ssize_t got = pread(file_, static_cast<char*>(to) + done, bytes - done, at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return error->set("cannot read '%s': %s", path_,
                        got < 0 ? strerror(errno) : "it is shorter than it was");
    }
    done += static_cast<size_t>(got);
  }
  return true;
}

bool write_npy(FileWriter* file, const HostTensor& tensor, ErrorText* error) {
  const char* code = nullptr;
  char text_code[32];
  const size_t characters = tensor.dtype == CNNC_STRING ? longest_text(tensor) : 0;
  for (const NpyType& type : kTypes) {
    if (type.dtype == tensor.dtype) code = type.code;
  }
  if (is_narrow_number(tensor.dtype)) code = kNarrowCode;
  if (tensor.dtype == CNNC_STRING) {
    snprintf(text_code, sizeof text_code, "U%zu", characters);
    code = text_code;
  }
  if (!code) {
    return error->set("the .npy format has no type %s; write .pb", cnnc_dtype_name(tensor.dtype));
  }
  char text[1024];
  const char order = cnnc_dtype_bits(tensor.dtype) == 8 ? '|' : '<';
  int used = snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                      order, code);
  for (int32_t i = 0; i < tensor.rank; ++i) {
    used += snprintf(text + used, sizeof text - static_cast<size_t>(used), "%lld,%s",
                     static_cast<long long>(tensor.dims[i]), i + 1 < tensor.rank ? " " : "");
  }
  used += snprintf(text + used, sizeof text - static_cast<size_t>(used), "), }");
  while ((10 + used + 1) % 64) text[used++] = ' ';
  text[used++] = '\n';
  const uint8_t head[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, static_cast<uint8_t>(used),
                            static_cast<uint8_t>(used >> 8)};
  if (!file->write(head, sizeof head, error) ||
      !file->write(text, static_cast<size_t>(used), error)) {
    return false;
  }
  if (tensor.dtype == CNNC_STRING) return write_texts(file, tensor, characters, error);
  return file->write(tensor.data, tensor.bytes, error);
}

} // namespace cnnc

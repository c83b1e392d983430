// ONNX's TensorProto by its wire format, so that the runtime needs no protobuf library.
#include "runtime/tensor_proto.h"

#include <string.h>

#include "runtime/bit_packing.h"
#include "runtime/tensor_file.h"

namespace cnnc {
namespace {

// Field numbers of onnx.TensorProto.
enum Field : uint32_t {
  kDims = 1, kDataType = 2, kFloatData = 4, kInt32Data = 5, kStringData = 6, kInt64Data = 7,
  kName = 8, kRawData = 9, kDoubleData = 10, kUint64Data = 11, kExternalData = 13,
  kDataLocation = 14,
};

enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Span {
  const uint8_t* at;
  const uint8_t* end;
  size_t size() const { return static_cast<size_t>(end - at); }
};

bool read_varint(Span* span, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 70 && span->at < span->end; shift += 7) {
    const uint8_t byte = *span->at++;
    if (shift < 64) *value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// One field: `number` holds a varint, `bytes` what the other wire types carry.
struct FieldValue {
  uint32_t field;
  uint32_t wire;
  uint64_t number;
  Span bytes;
};

bool take(Span* span, uint64_t size, Span* out) {
  if (size > span->size()) return false;
  *out = {span->at, span->at + size};
  span->at += size;
  return true;
}

bool read_field(Span* span, FieldValue* value) {
  uint64_t tag, size;
  if (!read_varint(span, &tag) || tag >> 3 == 0 || tag >> 32) return false;
  value->field = static_cast<uint32_t>(tag >> 3);
  value->wire = tag & 7;
  switch (value->wire) {
    case kVarint: return read_varint(span, &value->number);
    case kFixed64: return take(span, 8, &value->bytes);
    case kFixed32: return take(span, 4, &value->bytes);
    case kBytes: return read_varint(span, &size) && take(span, size, &value->bytes);
  }
  return false;
}

// The typed field that holds the elements of a type.
uint32_t typed_field(int32_t dtype) {
  switch (dtype) {
    case CNNC_FLOAT:
    case CNNC_COMPLEX64: return kFloatData;
    case CNNC_DOUBLE:
    case CNNC_COMPLEX128: return kDoubleData;
    case CNNC_INT64: return kInt64Data;
    case CNNC_UINT32:
    case CNNC_UINT64: return kUint64Data;
    case CNNC_STRING: return kStringData;
    default: return kInt32Data;
  }
}

// How many bytes of the file's form one entry of that field fills; elements under 8 bits are packed.
size_t entry_bytes(int32_t dtype) {
  switch (dtype) {
    case CNNC_COMPLEX64: return 4;
    case CNNC_COMPLEX128: return 8;
    default: return cnnc_dtype_bits(dtype) / 8;
  }
}

// Bytes of a tensor in the file's form.
int64_t stored_bytes(int32_t dtype, int64_t bytes_in_memory) {
  const auto type = static_cast<DType>(dtype);
  return is_packed_in_files(type) ? packed_bytes(type, bytes_in_memory) : bytes_in_memory;
}

bool is_typed_field(uint32_t field) {
  return field == kFloatData || field == kInt32Data || field == kInt64Data ||
         field == kDoubleData || field == kUint64Data || field == kStringData;
}

class TensorProtoReader {
 public:
  TensorProtoReader(Span proto, HostTensor* out, ErrorText* error)
      : proto_(proto), out_(*out), error_(*error) {}

  bool read() {
    out_.dtype = CNNC_UNDEFINED;
    out_.rank = 0;
    if (!each_field(&TensorProtoReader::header_field) || !check_header()) return false;
    if (!check_size() || !out_.allocate(&error_)) return false;
    if (!(has_raw_ ? copy_raw() : copy_typed())) return false;
    unpack();
    return true;
  }

 private:
  using FieldFunction = bool (TensorProtoReader::*)(const FieldValue&);

  bool each_field(FieldFunction function) {
    for (Span rest = proto_; rest.at < rest.end;) {
      const auto offset = static_cast<size_t>(rest.at - proto_.at);
      FieldValue value{};
      if (!read_field(&rest, &value)) {
        return error_.set("the TensorProto is damaged or truncated at byte %zu", offset);
      }
      if (!(this->*function)(value)) return false;
    }
    return true;
  }

  bool header_field(const FieldValue& value) {
    switch (value.field) {
      case kDims: return read_dims(value);
      case kDataType: out_.dtype = static_cast<int32_t>(value.number); return true;
      case kRawData:
        has_raw_ = value.wire == kBytes;
        raw_ = value.bytes;
        return true;
      case kExternalData: return error_.set("the TensorProto's data is in another file");
      case kDataLocation:
        return value.number == 0 || error_.set("the TensorProto's data is in another file");
      default:
        if (is_typed_field(value.field)) typed_bytes_ += value.bytes.size() + 1;
        return true;
    }
  }

  bool add_dim(uint64_t dim) {
    if (out_.rank == CNNC_MAX_RANK) {
      return error_.set("the tensor has more than %d dimensions", CNNC_MAX_RANK);
    }
    out_.dims[out_.rank++] = static_cast<int64_t>(dim);
    return true;
  }

  bool read_dims(const FieldValue& value) {
    if (value.wire == kVarint) return add_dim(value.number);
    if (value.wire != kBytes) return error_.set("the TensorProto's dims are damaged");
    for (Span rest = value.bytes; rest.at < rest.end;) {
      uint64_t dim;
      if (!read_varint(&rest, &dim)) return error_.set("the TensorProto's dims are damaged");
      if (!add_dim(dim)) return false;
    }
    return true;
  }

  bool check_header() {
    if (cnnc_dtype_bits(out_.dtype) == 0) {
      return error_.set("the tensor's element type %d is not a supported number type", out_.dtype);
    }
    if (has_raw_ && out_.dtype == CNNC_STRING) {
      return error_.set("a tensor of strings has raw data; need string_data");
    }
    needed_ = tensor_bytes(out_.dtype, out_.rank, out_.dims);
    if (needed_ < 0) return error_.set("the tensor's shape is negative or overflows");
    needed_ = stored_bytes(out_.dtype, needed_);
    return true;
  }

  // Refuses before allocating: every byte of the tensor must come from the file. An entry
  // has at least one byte there and at most 16 in the tensor.
  bool check_size() {
    if (has_raw_ && static_cast<uint64_t>(needed_) != raw_.size()) {
      return error_.set("the tensor has %zu bytes of raw data, its shape needs %lld", raw_.size(),
                        static_cast<long long>(needed_));
    }
    if (!has_raw_ && static_cast<uint64_t>(needed_) / 16 > typed_bytes_) return wrong_count();
    return true;
  }

  bool copy_raw() {
    if (raw_.size()) memcpy(out_.data, raw_.at, raw_.size());
    return true;
  }

  bool wrong_count() {
    return error_.set("the tensor's data does not have the number of elements of its shape");
  }

  bool copy_typed() {
    entry_ = entry_bytes(out_.dtype);
    filled_ = 0;
    if (out_.dtype == CNNC_STRING && !out_.allocate_texts(typed_bytes_, &error_)) return false;
    next_text_ = out_.texts;
    if (!each_field(&TensorProtoReader::data_field)) return false;
    return filled_ == static_cast<size_t>(needed_) || wrong_count();
  }

  bool put(const void* entry) {
    if (static_cast<size_t>(needed_) - filled_ < entry_) return wrong_count();
    memcpy(static_cast<char*>(out_.data) + filled_, entry, entry_);
    filled_ += entry_;
    return true;
  }

  // An element of string_data; the file holds at least as many bytes for it as its copy takes.
  bool put_text(const FieldValue& value) {
    const size_t size = value.bytes.size();
    if (value.wire != kBytes || (size > 0 && memchr(value.bytes.at, 0, size))) {
      return error_.set("an element of the tensor is no text without zero bytes");
    }
    const char* text = next_text_;
    if (size > 0) memcpy(next_text_, value.bytes.at, size);
    next_text_[size] = 0;
    next_text_ += size + 1;
    return put(&text);
  }

  // The packed bytes lie where the elements go.
  void unpack() {
    const auto type = static_cast<DType>(out_.dtype);
    auto* bytes = static_cast<uint8_t*>(out_.data);
    if (is_packed_in_files(type)) {
      unpack_elements(type, bytes, static_cast<int64_t>(out_.bytes), bytes);
    }
  }

  bool data_field(const FieldValue& value) {
    if (!is_typed_field(value.field)) return true;
    if (value.field != typed_field(out_.dtype)) {
      return error_.set("the tensor is %s, but its data is in a field of another type",
                        cnnc_dtype_name(out_.dtype));
    }
    if (value.field == kStringData) return put_text(value);
    const bool fixed = value.field == kFloatData || value.field == kDoubleData;
    if (fixed) return put_fixed(value);
    return value.wire == kVarint ? put(&value.number) : put_varints(value.bytes);
  }

  bool put_fixed(const FieldValue& value) {
    if (value.wire == kVarint || value.bytes.size() % entry_) return wrong_count();
    for (const uint8_t* at = value.bytes.at; at < value.bytes.end; at += entry_) {
      if (!put(at)) return false;
    }
    return true;
  }

  bool put_varints(Span rest) {
    while (rest.at < rest.end) {
      uint64_t number;
      if (!read_varint(&rest, &number)) return wrong_count();
      if (!put(&number)) return false;
    }
    return true;
  }

  const Span proto_;
  HostTensor& out_;
  ErrorText& error_;
  Span raw_{};
  bool has_raw_ = false;
  size_t typed_bytes_ = 0;
  int64_t needed_ = 0; // bytes in the file's form
  size_t entry_ = 0;
  size_t filled_ = 0;
  char* next_text_ = nullptr;
};

// Collects the fields before the data.
struct HeaderBytes {
  uint8_t bytes[512];
  size_t size = 0;

  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes[size++] = static_cast<uint8_t>(value | 0x80);
    bytes[size++] = static_cast<uint8_t>(value);
  }
  void tag(Field field, WireType wire) { varint(field << 3 | wire); }
};

bool write_string_data(FileWriter* file, const HostTensor& tensor, ErrorText* error) {
  for (size_t i = 0; i < tensor.bytes / sizeof(const char*); ++i) {
    const char* text = tensor.strings()[i];
    const size_t size = strlen(text);
    HeaderBytes head;
    head.tag(kStringData, kBytes);
    head.varint(size);
    if (!file->write(head.bytes, head.size, error) || !file->write(text, size, error)) return false;
  }
  return true;
}

bool write_elements(FileWriter* file, const HostTensor& tensor, ErrorText* error) {
  const auto type = static_cast<DType>(tensor.dtype);
  if (!is_packed_in_files(type)) return file->write(tensor.data, tensor.bytes, error);
  constexpr size_t kChunk = 4096; // a multiple of the elements in a byte
  const auto* elements = static_cast<const uint8_t*>(tensor.data);
  for (size_t i = 0; i < tensor.bytes; i += kChunk) {
    const auto count = static_cast<int64_t>(tensor.bytes - i < kChunk ? tensor.bytes - i : kChunk);
    uint8_t packed[kChunk];
    pack_elements(type, elements + i, count, packed);
    if (!file->write(packed, static_cast<size_t>(packed_bytes(type, count)), error)) return false;
  }
  return true;
}

} // namespace

bool parse_tensor_proto(const uint8_t* bytes, size_t size, HostTensor* out, ErrorText* error) {
  return TensorProtoReader({bytes, bytes + size}, out, error).read();
}

bool write_tensor_proto(FileWriter* file, const char* name, const HostTensor& tensor,
                        ErrorText* error) {
  HeaderBytes dims, title, data;
  for (int32_t i = 0; i < tensor.rank; ++i) {
    dims.tag(kDims, kVarint);
    dims.varint(static_cast<uint64_t>(tensor.dims[i]));
  }
  dims.tag(kDataType, kVarint);
  dims.varint(static_cast<uint64_t>(tensor.dtype));
  title.tag(kName, kBytes);
  title.varint(strlen(name));
  if (!file->write(dims.bytes, dims.size, error) || !file->write(title.bytes, title.size, error) ||
      !file->write(name, strlen(name), error)) {
    return false;
  }
  if (tensor.dtype == CNNC_STRING) return write_string_data(file, tensor, error);
  data.tag(kRawData, kBytes);
  data.varint(static_cast<uint64_t>(stored_bytes(tensor.dtype, static_cast<int64_t>(tensor.bytes))));
  return file->write(data.bytes, data.size, error) && write_elements(file, tensor, error);
}

} // namespace cnnc

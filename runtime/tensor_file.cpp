#include "runtime/tensor_file.h"

#include <string.h>

#include "runtime/file_bytes.h"
#include "runtime/npy.h"
#include "runtime/tensor_proto.h"

namespace cnnc {
namespace {

bool ends_with(const char* text, const char* ending) {
  const size_t length = strlen(text), tail = strlen(ending);
  return length >= tail && !strcmp(text + length - tail, ending);
}

bool no_raw_strings(ErrorText* error) {
  return error->set("strings have no raw form; give a .npy or .pb file");
}

bool parse_raw(const uint8_t* bytes, size_t size, HostTensor* out, ErrorText* error) {
  if (out->dtype == CNNC_STRING) return no_raw_strings(error);
  if (!out->allocate(error)) return false;
  if (size != out->bytes) {
    return error->set("the raw file has %zu bytes, the shape needs %zu", size, out->bytes);
  }
  memcpy(out->data, bytes, size);
  return true;
}

// Without a second copy of the elements.
bool read_all(const NpyFile& file, HostTensor* out, ErrorText* error) {
  const HostTensor& type = file.type();
  out->dtype = type.dtype;
  out->rank = type.rank;
  memcpy(out->dims, type.dims, sizeof out->dims);
  return out->allocate(error) && file.read(0, out->bytes, out->data, error);
}

} // namespace

bool load_tensor(const char* path, HostTensor* out, ErrorText* error) {
  NpyFile plain;
  if (ends_with(path, ".npy") && plain.open(path)) return read_all(plain, out, error);
  FileBytes file;
  if (!file.read(path, error)) return false;
  ErrorText reason;
  const auto parse = ends_with(path, ".npy")  ? parse_npy
                     : ends_with(path, ".pb") ? parse_tensor_proto
                                              : parse_raw;
  return parse(file.data(), file.size(), out, &reason) ||
         error->set("'%s': %s", path, reason.text);
}

bool save_tensor(const char* path, const char* name, const HostTensor& tensor, ErrorText* error) {
  FileWriter file;
  if (!file.open(path, error)) return false;
  ErrorText reason;
  bool ok;
  if (ends_with(path, ".npy")) {
    ok = write_npy(&file, tensor, &reason);
  } else if (ends_with(path, ".pb")) {
    ok = write_tensor_proto(&file, name, tensor, &reason);
  } else if (tensor.dtype == CNNC_STRING) {
    ok = no_raw_strings(&reason);
  } else {
    ok = file.write(tensor.data, tensor.bytes, &reason);
  }
  if (!ok) return error->set("'%s': %s", path, reason.text);
  return file.commit(error);
}

} // namespace cnnc

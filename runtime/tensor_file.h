// Tensors in files: NumPy's .npy, ONNX's TensorProto (.pb) and raw bytes. Every reader treats the
// bytes as hostile: a damaged file is a message, never a crash or a read beyond its end.
#ifndef RUNTIME_TENSOR_FILE_H_
#define RUNTIME_TENSOR_FILE_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/error_text.h"
#include "runtime/host_tensor.h"

namespace cnnc {

// Format versions 1 to 3, little endian or one-byte types, C or Fortran order (converted to C).
bool parse_npy(const uint8_t* bytes, size_t size, HostTensor* out, ErrorText* error);

// A serialized onnx.TensorProto with raw or typed data, of any numeric type; no external data.
bool parse_tensor_proto(const uint8_t* bytes, size_t size, HostTensor* out, ErrorText* error);

// Reads a file by its name's ending: .npy, .pb; anything else is raw bytes, for which `out` must
// carry dtype and dims. The message names the file.
bool load_tensor(const char* path, HostTensor* out, ErrorText* error);

// Writes by the name's ending, as load_tensor reads.
bool save_tensor(const char* path, const char* name, const HostTensor& tensor, ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_TENSOR_FILE_H_

// Writes ONNX's TensorProto; tensor_file.h declares the reader.
#ifndef RUNTIME_TENSOR_PROTO_H_
#define RUNTIME_TENSOR_PROTO_H_

#include "runtime/file_bytes.h"
#include "runtime/host_tensor.h"

namespace cnnc {

bool write_tensor_proto(FileWriter* file, const char* name, const HostTensor& tensor,
                        ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_TENSOR_PROTO_H_

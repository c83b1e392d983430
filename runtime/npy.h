// Writes NumPy's .npy format; tensor_file.h declares the reader.
#ifndef RUNTIME_NPY_H_
#define RUNTIME_NPY_H_

#include "runtime/file_bytes.h"
#include "runtime/host_tensor.h"

namespace cnnc {

bool write_npy(FileWriter* file, const HostTensor& tensor, ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_NPY_H_

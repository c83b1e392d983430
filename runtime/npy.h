// NumPy's .npy format: how it is written, and elements read where they lie in the file; tensor_file.h declares the reader
// of whole files.
#ifndef RUNTIME_NPY_H_
#define RUNTIME_NPY_H_

#include "runtime/file_bytes.h"
#include "runtime/host_tensor.h"

namespace cnnc {

// A file whose elements lie in it as in memory: numbers in C order that need no conversion.
class NpyFile {
 public:
  NpyFile() = default;
  NpyFile(const NpyFile&) = delete;
  NpyFile& operator=(const NpyFile&) = delete;
  ~NpyFile();

  // False where it is no such file, whatever it is: load_tensor() reads it or tells what is wrong.
  bool open(const char* path);
  // Element type and shape; no data.
  const HostTensor& type() const { return type_; }
  size_t bytes() const { return bytes_; }
  // `bytes` of the elements from `offset` on. False with a message that names the file.
  bool read(size_t offset, size_t bytes, void* to, ErrorText* error) const;

 private:
  char* path_ = nullptr;
  int file_ = -1;
  size_t first_ = 0, bytes_ = 0; // of the elements in the file
  HostTensor type_;
};

bool write_npy(FileWriter* file, const HostTensor& tensor, ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_NPY_H_

#include "runtime/training/sample_tensor.h"

#include <string.h>

#include "runtime/tensor_file.h"

namespace cnnc {

bool SampleTensor::load(const char* path, ErrorText* error) {
  const char* ending = strrchr(path, '.');
  const bool is_npy = ending && !strcmp(ending, ".npy");
  in_file_ = is_npy && file_.open(path) && file_.bytes() > kMostInMemory;
  return in_file_ || load_tensor(path, &tensor_, error);
}

} // namespace cnnc

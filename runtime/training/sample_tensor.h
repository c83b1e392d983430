// The rows that samples have of one tensor: in memory, or in a file that is too large to be kept there.
#ifndef RUNTIME_TRAINING_SAMPLE_TENSOR_H_
#define RUNTIME_TRAINING_SAMPLE_TENSOR_H_

#include "runtime/host_tensor.h"
#include "runtime/npy.h"

namespace cnnc {

class SampleTensor {
 public:
  // What stays in memory as a whole, so that batches in the order of the file are not copied.
  static constexpr size_t kMostInMemory = size_t{32} << 20;

  // Opens or reads the file. False with a message that names it.
  bool load(const char* path, ErrorText* error);

  // Without data where the rows stay in the file.
  cnnc_tensor_view view() const { return file() ? file_.type().view() : tensor_.view(); }
  // Null where they are in memory.
  const NpyFile* file() const { return in_file_ ? &file_ : nullptr; }

 private:
  NpyFile file_;
  HostTensor tensor_;
  bool in_file_ = false;
};

} // namespace cnnc

#endif // RUNTIME_TRAINING_SAMPLE_TENSOR_H_

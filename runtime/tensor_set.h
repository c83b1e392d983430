// The inputs and outputs of an executable as tensors in memory, filled from and written to files.
#ifndef RUNTIME_TENSOR_SET_H_
#define RUNTIME_TENSOR_SET_H_

#include "runtime/array.h"
#include "runtime/cnnc.h"
#include "runtime/error_text.h"
#include "runtime/exit_code.h"
#include "runtime/host_tensor.h"

namespace cnnc {

// Where inputs come from. An entry of `inputs` is a directory with input_0.pb, input_1.pb, ... (or
// .npy) or "name=file"; inputs that no entry names are zeros, with symbols as `dims` ("batch=8")
// say or else 1.
struct InputSources {
  const char* const* inputs;
  int32_t input_count;
  const char* const* dims;
  int32_t dim_count;
};

class TensorSet {
 public:
  explicit TensorSet(cnnc_executable* executable) : executable_(executable) {}
  TensorSet(const TensorSet&) = delete;
  TensorSet& operator=(const TensorSet&) = delete;
  ~TensorSet();

  // Fills the inputs and makes outputs of the size that follows from them.
  ExitCode load(const InputSources& sources, ErrorText* error);

  // One inference.
  cnnc_status run();

  // Writes output_0.<format>, ... to a directory, which is made if it is not there.
  ExitCode save_outputs(const char* directory, const char* format, ErrorText* error) const;

  int32_t output_count() const { return static_cast<int32_t>(outputs_.size()); }
  const HostTensor& output(int32_t index) const { return outputs_[static_cast<size_t>(index)]; }
  cnnc_executable* executable() const { return executable_; }

 private:
  ExitCode load_source(const char* source, ErrorText* error);
  ExitCode load_directory(const char* directory, ErrorText* error);
  ExitCode load_named(const char* source, const char* equals, ErrorText* error);
  ExitCode fill_zeros(const InputSources& sources, ErrorText* error);
  ExitCode make_outputs(ErrorText* error);

  cnnc_executable* executable_;
  Array<HostTensor> inputs_, outputs_; // all-zero bytes are a valid empty HostTensor
  Array<cnnc_tensor_view> input_views_, output_views_;
};

} // namespace cnnc

#endif // RUNTIME_TENSOR_SET_H_

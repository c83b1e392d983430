// Runs the program of a training or evaluation step (passes/training/training_step.h) on batches.
#ifndef RUNTIME_TRAINING_STEP_RUNNER_H_
#define RUNTIME_TRAINING_STEP_RUNNER_H_

#include <stdint.h>

#include "runtime/array.h"
#include "runtime/cnnc.h"
#include "runtime/training/batches.h"
#include "runtime/training/step_factors.h"

namespace cnnc {

// Which inputs and outputs the program has. Inputs: those of the model, the step's number, labels,
// sample weights, learning rate, factors of the optimiser, share of the batch, the carried tensors. Outputs: the loss, the
// model's output where that is asked for, and for training the carried tensors after the step.
struct StepLayout {
  int32_t model_inputs = 1;
  int32_t carried = 0;
  bool is_training = false;
  int32_t factors = 0; // of the optimiser
  bool has_step_number = false, has_weights = false, has_share = false;
};

// What changes from step to step beside the data.
struct StepNumbers {
  int64_t step = 0; // what random numbers count from
  float learning_rate = 0;
  float factors[StepFactors::kMost] = {1, 1};
  float share = 1; // the part of the batch that this process has
};

class StepRunner {
 public:
  // `executable` must outlive this. False when memory is short or its inputs are others.
  bool create(cnnc_executable* executable, const StepLayout& layout, ErrorText* error);

  // Types and bytes of the outputs for batches of this size.
  cnnc_status prepare(int64_t batch_size);
  const cnnc_tensor_view& output(int32_t index) const {
    return outputs_[static_cast<size_t>(index)];
  }

  // One step. `carried` are the addresses of the carried tensors; training updates them in place,
  // unless the loss is no finite number. `kept` are the addresses of the results between the loss
  // and the carried tensors.
  cnnc_status run(const Batch& batch, const StepNumbers& numbers, void* const* carried,
                  void* const* kept, float* loss);

  cnnc_executable* executable() const { return executable_; }
  const StepLayout& layout() const { return layout_; }

 private:
  void set_inputs(const Batch& batch, const StepNumbers& numbers, void* const* carried);

  cnnc_executable* executable_ = nullptr;
  StepLayout layout_;
  int64_t batch_size_ = -1; // that the views are for
  Array<cnnc_tensor_info> infos_;
  Array<cnnc_tensor_view> inputs_, outputs_;
};

} // namespace cnnc

#endif // RUNTIME_TRAINING_STEP_RUNNER_H_

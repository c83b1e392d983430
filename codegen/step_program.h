// A training or evaluation step, compiled for one batch size.
#pragma once
#include <memory>
#include <vector>

#include "codegen/build.h"
#include "codegen/jit.h"
#include "passes/training/training_step.h"

namespace cnnc::codegen {

// What changes from step to step beside the data.
struct StepNumbers {
  int64_t step = 0;
  float learning_rate = 0, bias_correction = 1;
};

struct BatchView {
  std::vector<const void*> inputs;  // TrainingStep::model_inputs of them; contiguous rows
  const void *labels = nullptr, *weights = nullptr;
};

class StepProgram {
 public:
  // Optimises and compiles the step's graph.
  StepProgram(TrainingStep step, const BuildOptions& options, int threads, bool profile = false);
  ~StepProgram();
  StepProgram(const StepProgram&) = delete;

  const TrainingStep& step() const { return step_; }
  const cnnc_executable* executable() const { return executable_; }
  // Runs one step on a batch. `carried` are read; `results` are what the graph returns after the
  // loss: what it keeps, and the carried tensors after a training step. Returns the loss.
  float run(const BatchView& batch, StepNumbers numbers, const std::vector<Tensor>& carried,
            std::vector<Tensor>& results);

 private:
  void check(cnnc_status status) const;

  TrainingStep step_;
  std::vector<Type> input_types_, output_types_;
  bool has_weights_;
  std::unique_ptr<JitModel> model_;
  cnnc_executable* executable_ = nullptr;
  std::vector<cnnc_tensor_view> inputs_, outputs_;
};

}  // namespace cnnc::codegen

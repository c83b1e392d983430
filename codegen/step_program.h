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
  const void *samples = nullptr, *labels = nullptr, *weights = nullptr;  // contiguous rows
};

class StepProgram {
 public:
  // Optimises and compiles the step's graph.
  StepProgram(TrainingStep step, const BuildOptions& options, int threads, bool profile = false);
  ~StepProgram();
  StepProgram(const StepProgram&) = delete;

  const TrainingStep& step() const { return step_; }
  const cnnc_executable* executable() const { return executable_; }
  // Runs one step on a batch. A training step updates `carried` in place, unless the loss is no
  // finite number. `output`, where the graph returns the model's output too, receives it; else it
  // is null. Returns the loss.
  float run(const BatchView& batch, StepNumbers numbers, std::vector<Tensor>& carried,
            Tensor* output);

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

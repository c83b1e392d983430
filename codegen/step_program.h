// A training or evaluation step, compiled for one batch size or for any.
#pragma once
#include <memory>

#include "codegen/build.h"
#include "codegen/jit.h"
#include "passes/training/training_step.h"
#include "runtime/training/step_runner.h"

namespace cnnc::codegen {

// What the runtime must know of a step's inputs and outputs.
StepLayout layout_of(const TrainingStep& step);

class StepProgram {
 public:
  // Optimises and compiles the step's graph. Throws Error.
  StepProgram(TrainingStep step, const BuildOptions& options, int threads, bool profile = false);
  ~StepProgram();
  StepProgram(const StepProgram&) = delete;

  const TrainingStep& step() const { return step_; }
  StepRunner& runner() { return runner_; }
  // The step's carried tensors have no data from now on.
  void forget_initial();
  // Runs one step (StepRunner::run). Returns the loss. Throws Error.
  float run(const Batch& batch, const StepNumbers& numbers, const std::vector<void*>& carried,
            const std::vector<void*>& kept);

 private:
  TrainingStep step_;
  std::unique_ptr<JitModel> model_;
  cnnc_executable* executable_ = nullptr;
  StepRunner runner_;
};

}  // namespace cnnc::codegen

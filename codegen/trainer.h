// Trains and evaluates models in this process: the runtime's loops with programs that are compiled
// here.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "codegen/step_programs.h"
#include "runtime/training/training_run.h"

namespace cnnc::codegen {

struct TrainerOptions {
  // Takes the learning rate and what Adam needs from the model's options.
  LoopOptions loop;
  int threads = 0;
  bool profile = false;  // measure every step of the program
  BuildOptions build;
};

class Trainer {
 public:
  // Compiles the step for full batches. `samples` must outlive this. Throws Error.
  Trainer(TrainedModel model, const Samples& samples, TrainerOptions options);

  double compile_seconds() const { return compile_seconds_; }
  int64_t parameter_count() const { return first_.step().parameter_count; }

  // Goes on where the checkpoint was written. Throws Error.
  void resume(const Checkpoint& checkpoint);
  // Trains, and evaluates `validation` after each epoch unless that is null. Throws Error.
  void run(const RunOptions& options, const Samples* validation);
  // The trained tensors and running statistics by name; valid while this is.
  std::map<std::string, Tensor> weights();
  // The program for full batches, for its profile.
  const cnnc_executable* executable() { return first_.runner().executable(); }

 private:
  StepProgram& first_program();
  Validation validation_of(const Samples* samples);

  TrainedModel model_;
  const Samples& samples_;
  TrainerOptions options_;
  std::string settings_;
  double start_;  // before the program below is compiled
  StepPrograms training_, evaluation_;
  StepProgram& first_;
  double compile_seconds_ = 0;
  TrainingLoop loop_;
};

// The carried tensors of a step at the start of training; they point into `step`.
std::vector<InitialTensor> initial_tensors(const TrainingStep& step);
// Takes over what the loop computes of the optimiser's numbers.
void set_optimizer(LoopOptions& loop, const OptimizerOptions& optimizer);
// When a prediction is right, for the loss and the types of a step.
AccuracyRule accuracy_rule(const LossOptions& loss, const TrainingStep& step);

// Loss and accuracy of the model as it is. Throws Error.
Evaluation evaluate_model(const TrainedModel& model, const Samples& samples, int64_t batch_size, int threads,
                          const BuildOptions& build);

}  // namespace cnnc::codegen

// Trains a model: batches, epochs, the learning rate's schedule.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "codegen/evaluator.h"
#include "passes/training/schedule.h"

namespace cnnc::codegen {

// What to do when a step's loss is no finite number: the step changes nothing in any case.
enum class OnNan { stop, skip };

struct TrainerOptions {
  TrainingOptions training;
  Schedule schedule = schedule_named("");
  int64_t batch_size = 32;
  bool shuffle = true;
  OnNan on_nan = OnNan::stop;
  int threads = 0;
  bool profile = false;  // measure every step of the program
  BuildOptions build;
};

struct EpochResult {
  int64_t steps = 0, samples = 0, skipped = 0;
  double loss = 0;  // mean over the samples, while the weights moved
  double seconds = 0, cpu_seconds = 0;
};

class Trainer {
 public:
  // `initializers` are the model's tensors that may be trained. Compiles the step for full batches.
  // Throws Error.
  Trainer(ModelSource model, std::set<std::string> initializers, Dataset data,
          const TrainerOptions& options);

  double compile_seconds() const { return compile_seconds_; }
  int64_t parameter_count() const { return parameter_count_; }

  // Goes on for an epoch, or for `most_steps` of it. Throws Error (Fault::limit) when the loss is
  // no number and OnNan::stop is set.
  EpochResult run_epoch(int64_t most_steps);
  // The trained tensors and running statistics by name.
  std::map<std::string, Tensor> weights() const;
  // The program for full batches, for its profile.
  const cnnc_executable* executable() { return training_program(batches_.size(0)).executable(); }

 private:
  StepProgram& training_program(int64_t batch_size);
  StepNumbers numbers() const;

  ModelSource model_;
  std::set<std::string> initializers_;
  Dataset data_;
  TrainerOptions options_;
  Batches batches_;
  std::map<int64_t, std::unique_ptr<StepProgram>> training_;
  std::vector<TrainingStep::Carried> carried_;
  std::vector<Tensor> current_;  // of the carried tensors
  int64_t step_ = 0, epoch_ = 0, parameter_count_ = 0;
  double compile_seconds_ = 0;
};

}  // namespace cnnc::codegen

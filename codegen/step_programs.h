// The programs of a step for the batch sizes that turn up.
#pragma once
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "codegen/step_program.h"
#include "runtime/training/training_loop.h"

namespace cnnc::codegen {

// A model to train or evaluate, and its labels.
struct TrainedModel {
  // The model for batches of this size, a number or a symbol; null when it is a symbol and the model
  // has a size of its own. It has at least one input, whose first axis is the batch.
  std::function<std::unique_ptr<Graph>(const Dim& batch)> graph;
  std::set<std::string> initializers;  // names of its tensors that may be trained
  Type labels;                         // as files have them; the first axis is replaced by the batch
  TrainingOptions options;

  // Both null where graph() is.
  std::optional<TrainingStep> training_step(const Dim& batch) const;
  std::optional<TrainingStep> evaluation_step(const Dim& batch) const;
};

using StepBuilder = std::function<std::optional<TrainingStep>(const Dim& batch)>;

// The step for every batch size, with a symbol for it. Nothing when the model has one size only, or
// something in it needs to know the size: `reason` then tells what.
std::optional<TrainingStep> step_for_any_batch(const StepBuilder& build, std::string* reason);

class StepPrograms {
 public:
  struct Options {
    int64_t full_batch = 0;  // this size has a program of its own; 0: none has
    int64_t largest_other = 0;  // of the other sizes, for the limit of memory; 0: the first one that turns up
    int threads = 0;
    bool profile = false;
    BuildOptions build;
  };
  StepPrograms(StepBuilder build, Options options) : build_(std::move(build)), options_(std::move(options)) {}

  // Compiles on first use: for `full_batch` a program of fixed sizes, for all others one with a
  // symbol, or where that is impossible, or memory is limited and the size above the largest one, one for each size.
  // Throws Error.
  StepProgram& program(int64_t batch_size);
  // The one of fixed sizes for this batch size, whether it is the full one or not.
  StepProgram& program_of_size(int64_t batch_size);
  int64_t compiled_count() const { return static_cast<int64_t>(fixed_.size()) + (any_ ? 1 : 0); }

  // Drops the tensors with which training begins, also of programs that are compiled later.
  void forget_initial();

  // For the runtime's loops, which no exception may cross: rethrow() throws what stopped one.
  StepSource source();
  void rethrow();

 private:
  std::unique_ptr<StepProgram> compiled(TrainingStep step) const;

  StepBuilder build_;
  Options options_;
  std::map<int64_t, std::unique_ptr<StepProgram>> fixed_;
  std::unique_ptr<StepProgram> any_;
  bool tried_any_ = false, forgets_initial_ = false;
  std::exception_ptr failure_;
};

}  // namespace cnnc::codegen

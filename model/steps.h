// Training and evaluation steps of a model, compiled for the sizes of the data that turn up.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "codegen/step_programs.h"
#include "model/model_state.h"
#include "model/source.h"
#include "model/training_state.h"

namespace cnnc::dsl {

// Reads and writes the weights where the model's layers have them, and the optimizer's state where the TrainingState
// has it: after every step both are what training has come to, and whoever sets a weight changes the next step.
class Steps {
 public:
  struct Options {
    bool sample_weights = false;  // every target takes weights
    int threads = 0;
    uint64_t seed = 0;
    bool operator==(const Options&) const = default;
  };
  // Those of the training state if they have these options, else new ones in their place.
  static Steps& of(ModelState& model, TrainingState& training, const Options& options);

  Steps(ModelState& model, TrainingState& training, const Options& options);

  // From now on training steps keep to this much working memory; 0: to no limit. Another limit compiles them anew.
  void limit_memory(int64_t bytes);
  // One step on these rows of the source; returns the loss. What metrics need can then be asked for.
  double train(const SourceRows& rows);
  double evaluate(const SourceRows& rows);
  const cnnc::Tensor& output(size_t target) const { return last_->kept[target]; }
  const cnnc::Tensor& labels(size_t target) const { return labels_[target]; }
  // Of the last batch's samples; empty when there are none.
  const std::vector<float>& weights(size_t target) const;
  // 1 where a step of a sequence counts, else 0; null for outputs without a mask.
  const cnnc::Tensor* mask(size_t target) const;
  // The loss of a target alone, of models with several.
  double part(size_t target) const;
  // Programs compiled so far, those included that are no more.
  int64_t compiled_count() const;

 private:
  // A program with what it reads and writes.
  struct Compiled {
    codegen::StepProgram* program = nullptr;
    std::vector<std::shared_ptr<Variable>> variables;  // of each carried tensor; null for the optimizer's
    std::vector<cnnc::Tensor> kept;
    int64_t batch_size = 0;  // that these are for
  };
  // All programs for samples of one shape, and by program what goes with it.
  struct Programs {
    std::unique_ptr<codegen::StepPrograms> of_batches;
    std::map<const codegen::StepProgram*, Compiled> compiled;
  };
  using ProgramsByShape = std::map<std::vector<Shape>, Programs>;

  void take_frozen_weights();
  TrainingOptions training_options() const;
  std::vector<Objective> objectives(const std::vector<Type>& labels, const Dim& batch) const;
  std::unique_ptr<codegen::StepPrograms> new_programs(const Source& source, bool training) const;
  Compiled& compiled(ProgramsByShape& programs, bool training, const SourceRows& rows);
  cnnc::Tensor& optimizer_state(const TrainingStep::Carried& carried);
  Batch gather(const SourceRows& rows);
  double run(Compiled& step, const Batch& batch, const StepNumbers& numbers);

  ModelState& model_;
  TrainingState& training_state_;
  Options options_;
  std::vector<cnnc::Tensor> frozen_;  // values of the weights that are constants of the programs; others empty
  std::set<size_t> held_;             // weights that are frozen here and change elsewhere: inputs of the programs
  ProgramsByShape training_, evaluation_;
  int64_t memory_limit_ = 0;
  std::vector<cnnc::Tensor> samples_, labels_;
  std::vector<std::vector<float>> weights_;
  Compiled* last_ = nullptr;
  int64_t dropped_count_ = 0;  // programs that were compiled and are no more
};

}  // namespace cnnc::dsl

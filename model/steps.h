// Training and evaluation steps of a model, compiled for the batch sizes that turn up.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "codegen/step_program.h"
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

  // One step on these rows of the source; returns the loss. What metrics need can then be asked for.
  double train(const Source& source, const int64_t* rows, int64_t count);
  double evaluate(const Source& source, const int64_t* rows, int64_t count);
  const cnnc::Tensor& output(size_t target) const { return last_->kept[target]; }
  const cnnc::Tensor& labels(size_t target) const { return labels_[target]; }
  // Of the last batch's samples; null when there are none.
  const float* weights(size_t target) const;
  // The loss of a target alone, of models with several.
  double part(size_t target) const;
  // Programs compiled so far.
  int64_t compiled_count() const { return compiled_count_; }

 private:
  struct Compiled {
    std::unique_ptr<codegen::StepProgram> program;
    std::vector<std::shared_ptr<Variable>> variables;  // of each carried tensor; null for the optimizer's
    std::vector<cnnc::Tensor> kept;
  };
  using Programs = std::map<int64_t, Compiled>;

  void take_frozen_weights();
  TrainingOptions training_options() const;
  std::vector<Objective> objectives(const Source& source, int64_t count) const;
  Compiled& compiled(Programs& programs, bool training, int64_t count, const Source& source);
  cnnc::Tensor& optimizer_state(const TrainingStep::Carried& carried);
  Batch gather(const Source& source, const int64_t* rows, int64_t count);
  double run(Compiled& step, const Batch& batch, const StepNumbers& numbers);

  ModelState& model_;
  TrainingState& training_state_;
  Options options_;
  std::vector<cnnc::Tensor> frozen_;  // values of the weights that are constants of the programs; others empty
  Programs training_, evaluation_;
  std::vector<cnnc::Tensor> samples_, labels_;
  std::vector<std::vector<float>> weights_;
  Compiled* last_ = nullptr;
  int64_t compiled_count_ = 0;
};

}  // namespace cnnc::dsl

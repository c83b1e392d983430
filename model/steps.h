// Training and evaluation steps of a model, compiled for the batch sizes that turn up.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "codegen/step_program.h"
#include "model/feed.h"
#include "model/model_state.h"
#include "model/training_state.h"

namespace cnnc::dsl {

// Labels as the loss takes them: class numbers as i32, everything else as f32 in the shape of the output. Throws Error
// when they do not fit, naming the first label out of range.
Array labels_for(const Loss& loss, const Type& output, const Array& labels);

// Samples, labels and maybe weights that batches are taken from.
struct Source {
  Feed x, y;
  std::vector<float> weights;  // empty: none
  Array labels;

  int64_t rows() const { return x.rows(); }
};
// Throws Error when the parts do not fit the model or each other.
Source source_of(const ModelState& model, const TrainingState& training, const Dataset& data, const Array& weights,
                 const std::map<int64_t, double>& class_weight);

class Steps {
 public:
  Steps(const ModelState& model, const TrainingState& training, bool sample_weights, int threads);

  // Loads the weights of the model, and the optimizer's state of an earlier fit.
  void load(const TrainingState& training);
  // Gives the present weights back to the model's layers.
  void store_weights(ModelState& model) const;
  void store_optimizer(TrainingState& training) const;

  // One step on these rows of the source; returns the loss. `outputs()` and `labels()` then hold what metrics need.
  float train(const Source& source, const int64_t* rows, int64_t count, const TrainingState& training);
  float evaluate(const Source& source, int64_t begin, int64_t end);
  const cnnc::Tensor& outputs() const { return *last_outputs_; }
  const cnnc::Tensor& labels() const { return labels_; }

 private:
  struct Compiled {
    std::unique_ptr<codegen::StepProgram> program;
    std::vector<size_t> carried;  // of the step's carried tensors, where they are in current_
    cnnc::Tensor output;
  };
  Compiled& compiled(std::map<int64_t, Compiled>& programs, bool training, int64_t count, const Source& source);
  Batch gather(const Source& source, const int64_t* rows, int64_t count);
  size_t carried_index(const TrainingStep::Carried& carried);

  const ModelState& model_;
  TrainingOptions options_;
  int threads_;
  std::set<std::string> weight_names_;
  std::map<int64_t, Compiled> training_, evaluation_;
  std::vector<TrainingStep::Carried> carried_;
  std::map<std::string, cnnc::Tensor> optimizer_state_;
  std::vector<cnnc::Tensor> current_;
  cnnc::Tensor samples_, labels_;
  std::vector<float> weights_;
  const cnnc::Tensor* last_outputs_ = nullptr;
};

}  // namespace cnnc::dsl

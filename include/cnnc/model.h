// Models: what is defined becomes something that predicts, learns, and is saved.
#pragma once
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "cnnc/layers.h"
#include "cnnc/pipeline.h"
#include "cnnc/training.h"

namespace cnnc::dsl {

struct ModelState;

struct PredictOptions {
  int64_t batch_size = 32;
  int threads = 0;  // 0: as many as the machine grants
};

// What lies between inputs and outputs. A handle: copies are the same model. Models made of the same layers share their
// weights.
class Model {
 public:
  Model(const Tensor& input, const Tensor& output);
  Model(const Tensors& inputs, const Tensors& outputs);

  // An ONNX file. Its float initializers of one axis or more are weights, which training may change.
  static Model load(const std::string& path);
  // Writes ONNX, complete or not at all, with the weights' present values.
  void save(const std::string& path) const;
  // Compiles to an executable that needs no library; `./file --help` tells how it is used.
  void compile_to_executable(const std::string& path) const;

  // ---- transfer ------------------------------------------------------------------------------------------------------
  // The model as a layer of another one, with the same weights: Layer::trainable(false) freezes all of them. One of
  // several outputs gives them by Layer::outputs().
  Layer as_layer(Location where = Location::current()) const;
  // The part that gives the named value: the output of the layer (of an ONNX file, the node) of that name, or a value. Throws
  // when there is none of that name.
  Model up_to(const std::string& name) const;
  // Without its last dense or convolutional layer: what that takes becomes the output, the features for a new head.
  Model without_head() const;

  // The table that Keras prints.
  void summary(std::ostream& out) const;
  void summary() const;  // to standard output
  // The graph as text (docs/ir.md).
  std::string dump_ir() const;

  int64_t parameter_count() const;
  std::vector<std::string> weight_names() const;
  Array weight(const std::string& name) const;
  // Throws when there is no weight of that name or it has another type.
  void set_weight(const std::string& name, const Array& value);
  // Freezes (or trains again) the weights whose name begins with `prefix`; returns how many there are.
  int64_t set_trainable(const std::string& prefix, bool trainable);

  // Outputs for any number of samples, computed in batches.
  Array predict(const Array& x, const PredictOptions& options = {}) const;
  Arrays predict(const Arrays& x, const PredictOptions& options = {}) const;
  Arrays predict(const Pipeline& data, const PredictOptions& options = {}) const;

  // ---- learning; see training.h --------------------------------------------------------------------------------------
  void compile(Optimizer optimizer, Loss loss, std::vector<Metric> metrics = {},
               std::vector<Metric> weighted_metrics = {});
  // Of several outputs: what each of them should give, in their order, or by their names (an output that is not named
  // learns nothing). The total loss is the weighted sum; values are called "NAME_loss", "NAME_accuracy".
  void compile(Optimizer optimizer, const std::vector<OutputGoal>& goals);
  void compile(Optimizer optimizer, const NamedGoals& goals);
  std::vector<std::string> input_names() const;
  std::vector<std::string> output_names() const;
  // Without the batch; -1 where a size is free.
  std::vector<Shape> input_shapes() const;

  // A second fit goes on where the first one ended. Labels are in the order of the outputs that have a goal.
  History fit(const Samples& data, const FitOptions& options = {});
  History fit(const ArrayList& x, const ArrayList& y, const FitOptions& options = {}) {
    return fit(Samples(x, y), options);
  }
  // From pipelines, which decide order and batches; samples that are not in batches are put in some of batch_size.
  History fit(const Pipeline& data, const FitOptions& options = {});
  History fit(const Pipeline& data, const Pipeline& validation, const FitOptions& options = {});
  Evaluation evaluate(const Samples& data, const EvaluateOptions& options = {});
  Evaluation evaluate(const Pipeline& data, const EvaluateOptions& options = {});
  // One step, one evaluation, one prediction by hand. The values are those of this batch alone.
  Evaluation train_on_batch(const ArrayList& x, const ArrayList& y, const BatchOptions& options = {});
  Evaluation test_on_batch(const ArrayList& x, const ArrayList& y, const BatchOptions& options = {});
  Arrays predict_on_batch(const ArrayList& x) const;
  // What callbacks call: fit ends after this step.
  void stop_training();
  double learning_rate() const;
  // Of all calls of fit, and those that a checkpoint brought: what initial_epoch is when training goes on.
  int epochs_done() const;
  // Takes the place of a schedule.
  void set_learning_rate(double value);

  // Weights, optimizer's state and position, complete or not at all: a model of the same definition that loads them
  // goes on bit for bit as this one would. Loading a file that is damaged, of another model or of another optimizer
  // changes nothing. A model that is not compiled loads the weights alone: call compile() first to go on training.
  void save_checkpoint(const std::string& path) const;
  void load_checkpoint(const std::string& path);

  // For the library itself.
  const std::shared_ptr<ModelState>& state() const { return state_; }

 protected:
  explicit Model(std::shared_ptr<ModelState> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<ModelState> state_;
};

// A chain of layers; the first one is Input.
class Sequential : public Model {
 public:
  Sequential(std::vector<Layer> layers, Location where = Location::current());
};

}  // namespace cnnc::dsl

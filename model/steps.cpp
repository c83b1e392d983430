#include "model/steps.h"

#include <algorithm>

#include "frontend/dsl/random.h"
#include "ir/error.h"
#include "model/bind_symbols.h"
#include "passes/training/optimizer.h"
#include "runtime/training/training_loop.h"

namespace cnnc::dsl {

// ---- labels ----------------------------------------------------------------------------------------------------------
static Array class_labels(const Array& labels, int64_t classes) {
  Shape shape = labels.shape();
  // Keras' sets have labels [samples, 1].
  if (shape.size() == 2 && shape[1] == 1) shape.pop_back();
  cnnc::Tensor result(DType::i32, shape);
  for (int64_t i = 0; i < labels.size(); ++i) {
    const double label = labels.at(i);
    if (!(label >= 0) || label >= static_cast<double>(classes) || label != static_cast<double>(static_cast<int64_t>(label)))
      throw Error(cat("label ", label, " of sample ", i, " is no class: the model has ", classes,
                      " outputs, need whole numbers from 0 to ", classes - 1),
                  Fault::usage);
    result.set_int(i, static_cast<int64_t>(label));
  }
  return array_of(std::move(result));
}

Array labels_for(const Loss& loss, const Type& output, const Array& labels) {
  if (std::holds_alternative<SparseCategoricalCrossentropy>(loss)) {
    if (output.rank() < 2 || !output.dims.back().is_const())
      throw Error(cat("a sparse categorical cross-entropy needs rows of classes, the model's output is ", output),
                  Fault::usage);
    return class_labels(labels, output.dims.back().value());
  }
  Array values = labels.to_float();
  Shape wanted{labels.rows()};
  for (size_t i = 1; i < output.dims.size(); ++i)
    if (output.dims[i].is_const()) wanted.push_back(output.dims[i].value());
  if (element_count(wanted) != values.size())
    throw Error(cat("the labels are ", labels.type(), ", the model's output is ", output), Fault::usage);
  return values.reshaped(wanted);
}

static std::vector<float> sample_weights(const Array& labels, const Array& weights,
                                         const std::map<int64_t, double>& class_weight) {
  if (weights.empty() && class_weight.empty()) return {};
  const int64_t rows = labels.rows();
  if (!weights.empty() && weights.size() != rows)
    throw Error(cat("sample_weight is ", weights.type(), " for ", rows, " samples"), Fault::usage);
  if (!class_weight.empty() && labels.size() != rows)
    throw Error(cat("class_weight needs one class for each sample, the labels are ", labels.type()), Fault::usage);
  std::vector<float> result(static_cast<size_t>(rows), 1);
  for (int64_t i = 0; i < rows; ++i) {
    float& weight = result[static_cast<size_t>(i)];
    if (!weights.empty()) weight = static_cast<float>(weights.at(i));
    if (class_weight.empty()) continue;
    const auto it = class_weight.find(static_cast<int64_t>(labels.at(i)));
    if (it != class_weight.end()) weight *= static_cast<float>(it->second);
  }
  return result;
}

Source source_of(const ModelState& model, const TrainingState& training, const Dataset& data, const Array& weights,
                 const std::map<int64_t, double>& class_weight) {
  const Graph& graph = *model.prototype;
  if (graph.inputs().size() != 1 || graph.outputs().size() != 1)
    throw Error(cat("fit and evaluate take models of one input and one output; this one has ", graph.inputs().size(),
                    " and ", graph.outputs().size()),
                Fault::usage);
  if (data.x.empty()) throw Error("the data have no samples", Fault::usage);
  if (data.y.empty()) throw Error("the data have no labels", Fault::usage);
  if (data.x.rows() != data.y.rows())
    throw Error(cat("the data have ", data.x.rows(), " samples and ", data.y.rows(), " labels"), Fault::usage);
  const Type& output = graph.outputs()[0]->type();
  const Array labels = labels_for(training.loss, output, data.y);
  const Type label_type{labels.storage().tensor.dtype(), to_dims(labels.shape())};
  return {Feed(data.x, graph.inputs()[0]->type(), "the data"), Feed(labels, label_type, "the labels"),
          sample_weights(data.y, weights, class_weight), labels};
}

// ---- steps -----------------------------------------------------------------------------------------------------------
static bool is_statistic(const BuiltWeight& weight) {
  const std::string& role = weight.variable->role;
  return !weight.variable->trainable && (role == "moving_mean" || role == "moving_variance" || weight.owner == nullptr);
}

static bool is_frozen(const BuiltWeight& weight) {
  const bool by_layer = weight.owner != nullptr && !weight.owner->trainable;
  return weight.frozen || by_layer || (!weight.is_trainable() && !is_statistic(weight));
}

Steps::Steps(const ModelState& model, const TrainingState& training, bool sample_weights, int threads)
    : model_(model), options_(training.options()), threads_(threads) {
  options_.sample_weights = sample_weights;
  options_.keep_output = true;
  options_.seed = global_seed();
  for (const BuiltWeight& weight : model.weights) {
    weight_names_.insert(weight.name);
    if (is_frozen(weight)) options_.frozen.insert(weight.name);
    const Regularizer& r = weight.variable->regularizer;
    if (r) options_.penalties[weight.name] = {r.l1, r.l2};
  }
}

void Steps::load(const TrainingState& training) { optimizer_state_ = training.optimizer_state; }

static cnnc::Tensor copy_of(const cnnc::Tensor& tensor) {
  cnnc::Tensor copy(tensor.dtype(), tensor.shape());
  std::copy_n(static_cast<const char*>(tensor.raw()), tensor.bytes(), static_cast<char*>(copy.mutable_raw()));
  return copy;
}

// Where a carried tensor is; one that is new begins with the model's value or the optimizer's of an earlier fit.
size_t Steps::carried_index(const TrainingStep::Carried& carried) {
  for (size_t i = 0; i < carried_.size(); ++i)
    if (carried_[i].name == carried.name) return i;
  const auto old = optimizer_state_.find(carried.name);
  const bool resumes = old != optimizer_state_.end() && !carried.is_parameter &&
                       old->second.shape() == carried.initial.shape();
  carried_.push_back(carried);
  current_.push_back(copy_of(resumes ? old->second : carried.initial));
  return carried_.size() - 1;
}

static Type batch_type(const Array& labels, int64_t count) {
  Type type{labels.storage().tensor.dtype(), to_dims(labels.shape())};
  type.dims[0] = count;
  return type;
}

Steps::Compiled& Steps::compiled(std::map<int64_t, Compiled>& programs, bool training, int64_t count,
                                 const Source& source) {
  Compiled& entry = programs[count];
  if (entry.program) return entry;
  std::unique_ptr<Graph> graph = model_.graph();
  const std::optional<std::string> batch = graph->inputs()[0]->dim(0).as_symbol();
  if (batch) graph = bind_symbols(*graph, {{*batch, Dim(count)}});
  const Type labels = batch_type(source.labels, count);
  TrainingStep step = training ? training_step(std::move(graph), weight_names_, labels, options_)
                               : evaluation_step(std::move(graph), weight_names_, labels, options_);
  entry.program = std::make_unique<codegen::StepProgram>(std::move(step), codegen::BuildOptions{}, threads_);
  for (const TrainingStep::Carried& c : entry.program->step().carried) entry.carried.push_back(carried_index(c));
  const Type& output = entry.program->step().output;
  entry.output = cnnc::Tensor(output.dtype, output.shape());
  return entry;
}

Batch Steps::gather(const Source& source, const int64_t* rows, int64_t count) {
  source.x.take(rows, count, samples_);
  source.y.take(rows, count, labels_);
  Batch batch;
  batch.size = count;
  batch.inputs[0] = samples_.raw();
  batch.labels = labels_.raw();
  if (!options_.sample_weights) return batch;
  weights_.assign(static_cast<size_t>(count), 1);
  for (int64_t i = 0; i < count && !source.weights.empty(); ++i)
    weights_[static_cast<size_t>(i)] = source.weights[static_cast<size_t>(rows[i])];
  batch.weights = weights_.data();
  return batch;
}

float Steps::train(const Source& source, const int64_t* rows, int64_t count, const TrainingState& training) {
  Compiled& step = compiled(training_, true, count, source);
  StepNumbers numbers;
  numbers.step = training.step;
  numbers.learning_rate = static_cast<float>(training.learning_rate.at(training.step));
  const OptimizerOptions& optimizer = options_.optimizer;
  if (has_bias_correction(optimizer.kind))
    numbers.bias_correction = static_cast<float>(bias_correction(optimizer.beta1, optimizer.beta2, training.step));
  std::vector<void*> carried;
  for (const size_t i : step.carried) carried.push_back(current_[i].mutable_raw());
  const float loss = step.program->run(gather(source, rows, count), numbers, carried, step.output.mutable_raw());
  last_outputs_ = &step.output;
  return loss;
}

float Steps::evaluate(const Source& source, int64_t begin, int64_t end) {
  Compiled& step = compiled(evaluation_, false, end - begin, source);
  std::vector<int64_t> rows;
  for (int64_t row = begin; row < end; ++row) rows.push_back(row);
  std::vector<void*> carried;
  for (const size_t i : step.carried) carried.push_back(const_cast<void*>(current_[i].raw()));
  const float loss =
      step.program->run(gather(source, rows.data(), end - begin), {}, carried, step.output.mutable_raw());
  last_outputs_ = &step.output;
  return loss;
}

void Steps::store_weights(ModelState& model) const {
  for (size_t i = 0; i < carried_.size(); ++i)
    if (carried_[i].is_parameter) model.weight_named(carried_[i].name).variable->value = copy_of(current_[i]);
}

void Steps::store_optimizer(TrainingState& training) const {
  for (size_t i = 0; i < carried_.size(); ++i)
    if (!carried_[i].is_parameter) training.optimizer_state[carried_[i].name] = current_[i];
}

}  // namespace cnnc::dsl

#include "model/source.h"

#include <algorithm>

#include "ir/error.h"

namespace cnnc::dsl {

// ---- labels ----------------------------------------------------------------------------------------------------------
static Array class_labels(const Array& labels, const Type& output) {
  Shape shape = labels.shape();
  // Keras' sets have labels [samples, 1].
  if (shape.size() == static_cast<size_t>(output.rank()) && shape.back() == 1) shape.pop_back();
  const int64_t classes = output.dims.back().value();
  cnnc::Tensor result(DType::i32, shape);
  auto* classes_of = result.mutable_data<int32_t>();
  for (int64_t i = 0; i < labels.size(); ++i) {
    const double label = labels.at(i);
    if (!(label >= 0) || label >= static_cast<double>(classes) || label != static_cast<double>(static_cast<int64_t>(label)))
      throw Error(cat("label ", label, " of sample ", i * labels.rows() / labels.size(), " is no class: the model has ", classes,
                      " outputs, need whole numbers from 0 to ", classes - 1),
                  Fault::usage);
    classes_of[i] = static_cast<int32_t>(label);
  }
  return array_of(std::move(result));
}

Array labels_for(const Loss& loss, const Type& output, const Array& labels) {
  if (takes_classes(loss)) {
    if (output.rank() < 2 || !output.dims.back().is_const())
      throw Error(cat("a sparse categorical cross-entropy needs rows of classes, the model's output is ", output),
                  Fault::usage);
    return class_labels(labels, output);
  }
  Array values = labels.to_float();
  Shape wanted{labels.rows()};
  for (size_t i = 1; i < output.dims.size(); ++i) {
    const bool known = output.dims[i].is_const();
    wanted.push_back(known ? output.dims[i].value() : i < labels.shape().size() ? labels.shape()[i] : 1);
  }
  if (element_count(wanted) != values.size())
    throw Error(cat("the labels are ", labels.type(), ", the model's output is ", output), Fault::usage);
  return values.reshaped(wanted);
}

// ---- weights ---------------------------------------------------------------------------------------------------------
static std::vector<float> sample_weights(const Array& labels, const Array& weights,
                                         const std::map<int64_t, double>& class_weight) {
  if (weights.empty() && class_weight.empty()) return {};
  const int64_t rows = labels.rows();
  if (!weights.empty() && weights.size() != rows)
    throw Error(cat("sample_weight is ", weights.type(), " for ", rows, " samples"), Fault::usage);
  const bool one_hot = labels.shape().size() == 2 && labels.size() != rows;
  if (!class_weight.empty() && labels.size() != rows && !one_hot)
    throw Error(cat("class_weight needs one class for each sample, the labels are ", labels.type()), Fault::usage);
  const Array classes = one_hot && !class_weight.empty() ? labels.argmax() : labels;
  std::vector<float> result(static_cast<size_t>(rows), 1);
  for (int64_t i = 0; i < rows; ++i) {
    float& weight = result[static_cast<size_t>(i)];
    if (!weights.empty()) weight = static_cast<float>(weights.at(i));
    if (class_weight.empty()) continue;
    const auto it = class_weight.find(static_cast<int64_t>(classes.at(i)));
    if (it != class_weight.end()) weight *= static_cast<float>(it->second);
  }
  return result;
}

static const Array& weights_of_target(const ArrayList& weights, size_t target, size_t targets) {
  static const Array none;
  if (weights.empty()) return none;
  if (weights.size() == 1) return weights[0];
  if (weights.size() != targets)
    throw Error(cat("sample_weight has ", weights.size(), " arrays for ", targets, " outputs"), Fault::usage);
  return weights[target];
}

// ---- sources ---------------------------------------------------------------------------------------------------------
bool Source::has_weights() const {
  return std::any_of(y.begin(), y.end(), [](const Labels& labels) { return !labels.weights.empty(); });
}

std::vector<Feed> feeds_of(const Graph& graph, const Arrays& x) {
  if (x.size() != graph.inputs().size())
    throw Error(cat("the model has ", graph.inputs().size(), " inputs, was given ", x.size(), " arrays"), Fault::usage);
  std::vector<Feed> feeds;
  for (size_t i = 0; i < x.size(); ++i) {
    const Value& input = *graph.inputs()[i];
    feeds.emplace_back(x[i], input.type(), cat("the data of input '", input.name(), "'"));
    if (feeds[i].rows() != feeds[0].rows())
      throw Error(cat("the data of the inputs have ", feeds[0].rows(), " and ", feeds[i].rows(), " samples"),
                  Fault::usage);
  }
  return feeds;
}

static Source::Labels labels_of(const Target& target, const Graph& graph, const Array& given, const Array& weights,
                                const std::map<int64_t, double>& class_weight) {
  const Array labels = labels_for(target.goal.loss, graph.outputs()[target.output]->type(), given);
  const Type type{labels.storage().tensor.dtype(), to_dims(labels.shape())};
  return {labels, Feed(labels, type, "the labels"), sample_weights(given, weights, class_weight)};
}

Source source_of(const ModelState& model, const TrainingState& training, const Samples& data, const ArrayList& weights,
                 const std::map<int64_t, double>& class_weight) {
  const Graph& graph = *model.prototype;
  const size_t targets = training.targets.size();
  if (data.x.empty()) throw Error("the data have no samples", Fault::usage);
  if (data.y.empty()) throw Error("the data have no labels", Fault::usage);
  if (data.y.size() != targets)
    throw Error(cat("the data have ", data.y.size(), " arrays of labels for ", targets, " outputs"), Fault::usage);
  if (!class_weight.empty() && targets != 1)
    throw Error("class_weight is for models of one output; give sample_weight for each output", Fault::usage);
  Source source{feeds_of(graph, data.x), {}};
  for (size_t i = 0; i < targets; ++i) {
    if (data.y[i].rows() != source.rows())
      throw Error(cat("the data have ", source.rows(), " samples and ", data.y[i].rows(), " labels"), Fault::usage);
    source.y.push_back(labels_of(training.targets[i], graph, data.y[i], weights_of_target(weights, i, targets),
                                 class_weight));
  }
  return source;
}

}  // namespace cnnc::dsl

#include "model/source.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "ir/error.h"

namespace cnnc::dsl {

// ---- labels ----------------------------------------------------------------------------------------------------------
// Whether labels of this shape have one class for each place of the output besides the axis of the classes.
static bool lack_axis(const Shape& labels, const Type& output, size_t axis) {
  if (labels.size() + 1 != output.dims.size()) return false;
  for (size_t i = 1; i < labels.size(); ++i) {
    const Dim& size = output.dims[i < axis ? i : i + 1];
    if (size.is_const() && size.value() != labels[i]) return false;
  }
  return true;
}

// The axis of the output that labels number the classes of: the last one, or that of channels. The labels may have it with
// one element, as Keras' sets have: [samples, 1].
static size_t class_axis(Shape& labels, const Array& given, const Type& output) {
  for (const size_t axis : {output.dims.size() - 1, size_t{1}}) {
    Shape shape = labels;
    if (shape.size() == output.dims.size() && shape[axis] == 1) shape.erase(shape.begin() + static_cast<int64_t>(axis));
    if (!lack_axis(shape, output, axis) || !output.dims[axis].is_const()) continue;
    labels = shape;
    return axis;
  }
  throw Error(cat("the labels are ", given.type(), ", the model's output is ", output,
                  "; need one class for each row of numbers: all axes but the last, or but the channels"),
              Fault::usage);
}

static Array class_labels(const Array& labels, const Type& output) {
  Shape shape = labels.shape();
  const int64_t classes = output.dims[class_axis(shape, labels, output)].value();
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

// Labels that are 0, 1 or in between.
static void require_shares(const Array& labels) {
  const float* values = labels.data<float>();
  for (int64_t i = 0; i < labels.size(); ++i)
    if (values[i] < 0 || values[i] > 1)
      throw Error(cat("label ", values[i], " of sample ", i * labels.rows() / labels.size(),
                      ": a cross-entropy needs numbers from 0 to 1; scale pixels, and give classes to a sparse one"),
                  Fault::usage);
}

Array labels_for(const Loss& loss, const Type& output, const Array& labels) {
  if (takes_classes(loss)) {
    if (output.rank() < 2)
      throw Error(cat("a sparse categorical cross-entropy needs rows of classes, the model's output is ", output),
                  Fault::usage);
    return class_labels(labels, output);
  }
  Array values = labels.to_float();
  if (takes_shares(loss)) require_shares(values);
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
// `classes`: how many there are; nothing for losses that have none.
static void require_class_weights(const std::map<int64_t, double>& class_weight, std::optional<int64_t> classes) {
  for (const auto& [number, weight] : class_weight) {
    if (!(weight >= 0) || std::isinf(weight))
      throw Error(cat("class_weight of class ", number, " is ", weight, ", need 0 or more"), Fault::usage);
    if (classes && (number < 0 || number >= *classes))
      throw Error(cat("class_weight names class ", number, ", the model has classes 0 to ", *classes - 1), Fault::usage);
  }
}

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
    if (!std::isfinite(weight))
      throw Error(cat("sample_weight of sample ", i, " is ", weight, ", need a finite number"), Fault::usage);
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

// Whether they are for the outputs that have a goal.
static void require_outputs(const ClassWeights& class_weight, const TrainingState& training, const Graph& graph) {
  std::set<std::string> names;
  for (const Target& target : training.targets) names.insert(graph.output_names()[target.output]);
  std::string known;
  for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
  if (!class_weight.of_classes().empty() && names.size() != 1)
    throw Error(cat("class_weight is of one output, the model learns ", known, R"(: name them, as {{"NAME", {{0, 2.0}}}})"),
                Fault::usage);
  for (const auto& [name, weights] : class_weight.of_outputs())
    if (names.count(name) == 0)
      throw Error(cat("class_weight names output ", quoted(name), ", the model learns ", known), Fault::usage);
}

static const ClassWeights::OfClasses& class_weights_of(const ClassWeights& all, const std::string& output) {
  const auto it = all.of_outputs().find(output);
  return it == all.of_outputs().end() ? all.of_classes() : it->second;
}

// ---- sources ---------------------------------------------------------------------------------------------------------
bool Source::has_weights() const {
  return std::any_of(y.begin(), y.end(), [](const Labels& labels) { return !labels.weights.empty(); });
}

struct IndexRange {
  int64_t least, end;
};

static void require_indices(const Value& input, const Array& indices, IndexRange range, const std::string& what) {
  for (int64_t i = 0; i < indices.size(); ++i) {
    const int64_t index = indices.storage().tensor.as_int(i);
    if (index >= range.least && index < range.end) continue;
    throw Error(cat("index ", index, " of sample ", i * indices.rows() / indices.size(), " of input ", quoted(input.name()),
                    " is ", what, ": need whole numbers from ", range.least, " to ", range.end - 1),
                Fault::usage);
  }
}

// Indices of rows of a weight. Those of imported models may count from the last row.
static void require_rows_of_tables(const ModelState& model, const Value& input, const Array& indices) {
  for (const auto& [user, count] : input.users()) {
    if (!user->is("Gather") || user->input(1) != &input || user->int_attribute("axis") != 0) continue;
    const Value& table = *user->input(0);
    if (table.constant() == nullptr) continue;
    const int64_t rows = table.dim(0).value(), least = model.layers.empty() ? -rows : 0;
    require_indices(input, indices, {least, rows}, cat("no row of ", quoted(table.name()), ", ", table.type()));
  }
}

// Of a CategoryEncoding. ONNX's OneHot of other indices is zeros, which models of other origin may want.
static void require_categories(const ModelState& model, const Value& input, const Array& indices) {
  for (const auto& [user, count] : input.users()) {
    const cnnc::Tensor* tokens = user->is("OneHot") && user->input(0) == &input ? user->input(1)->constant() : nullptr;
    for (const BuiltLayer& layer : model.layers)
      if (tokens != nullptr && layer.layer->type == "CategoryEncoding" && user->origins().names() == Strings{layer.name})
        require_indices(input, indices, {0, tokens->as_int(0)}, cat("no token of ", quoted(layer.name)));
  }
}

std::vector<Feed> feeds_of(const ModelState& model, const Arrays& x) {
  const Graph& graph = *model.prototype;
  if (x.size() != graph.inputs().size())
    throw Error(cat("the model has ", graph.inputs().size(), " inputs, was given ", x.size(), " arrays"), Fault::usage);
  std::vector<Feed> feeds;
  for (size_t i = 0; i < x.size(); ++i) {
    const Value& input = *graph.inputs()[i];
    feeds.emplace_back(x[i], input.type(), cat("the data of input '", input.name(), "'"));
    if (is_int(input.type().dtype)) require_rows_of_tables(model, input, x[i]), require_categories(model, input, x[i]);
    if (feeds[i].rows() != feeds[0].rows())
      throw Error(cat("the data of the inputs have ", feeds[0].rows(), " and ", feeds[i].rows(), " samples"),
                  Fault::usage);
  }
  return feeds;
}

static Source::Labels labels_of(const Target& target, const Graph& graph, const Array& given, const Array& weights,
                                const std::map<int64_t, double>& class_weight) {
  const Type& output = graph.outputs()[target.output]->type();
  const Array labels = labels_for(target.goal.loss, output, given);
  const bool has_classes = takes_classes(target.goal.loss) && output.dims.back().is_const();
  require_class_weights(class_weight, has_classes ? std::optional(output.dims.back().value()) : std::nullopt);
  const Type type{labels.storage().tensor.dtype(), to_dims(labels.shape())};
  return {labels, Feed(labels, type, "the labels"), sample_weights(given, weights, class_weight)};
}

Source source_of(const ModelState& model, const TrainingState& training, const Samples& data, const ArrayList& weights,
                 const ClassWeights& class_weight) {
  const Graph& graph = *model.prototype;
  const size_t targets = training.targets.size();
  if (data.x.empty() || data.x[0].rows() == 0) throw Error("the data have no samples", Fault::usage);
  if (data.y.empty()) throw Error("the data have no labels", Fault::usage);
  if (data.y.size() != targets)
    throw Error(cat("the data have ", data.y.size(), " arrays of labels for ", targets, " outputs"), Fault::usage);
  require_outputs(class_weight, training, graph);
  Source source{feeds_of(model, data.x), {}};
  for (size_t i = 0; i < targets; ++i) {
    if (data.y[i].rows() != source.rows())
      throw Error(cat("the data have ", source.rows(), " samples and ", data.y[i].rows(), " labels"), Fault::usage);
    source.y.push_back(labels_of(training.targets[i], graph, data.y[i], weights_of_target(weights, i, targets),
                                 class_weights_of(class_weight, graph.output_names()[training.targets[i].output])));
  }
  return source;
}

}  // namespace cnnc::dsl

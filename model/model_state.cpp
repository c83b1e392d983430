#include "model/model_state.h"

#include <set>

#include "frontend/onnx/import.h"
#include "ir/error.h"

namespace cnnc::dsl {

static bool is_statistic(const Value& value) {
  for (const auto& [user, count] : value.users())
    if (user->is("BatchNormalization") && (user->input(3) == &value || user->input(4) == &value)) return true;
  return false;
}

static void mark_statistics(ModelState& state) {
  std::set<std::string> statistics;
  for (const auto& node : state.prototype->nodes())
    if (node->is("Constant") && is_statistic(*node->output())) statistics.insert(node->output()->name());
  for (BuiltWeight& weight : state.weights) weight.is_statistic = statistics.count(weight.name) != 0;
}

std::shared_ptr<ModelState> state_of(ModelDefinition definition) {
  auto state = std::make_shared<ModelState>();
  state->prototype = build_graph(definition);
  state->prototype_with_masks = build_graph_with_masks(definition);
  size_t next = definition.outputs.size();
  for (const DefinitionPtr& mask : definition.masks) state->masks.push_back(mask ? std::optional(next++) : std::nullopt);
  state->weights = std::move(definition.weights);
  state->layers = std::move(definition.layers);
  mark_statistics(*state);
  return state;
}

std::shared_ptr<ModelState> imported_state(const std::string& path) {
  auto state = std::make_shared<ModelState>();
  ImportOptions options;
  options.for_training = true;
  state->prototype = import_onnx_file(path, options);
  for (const auto& node : state->prototype->nodes()) {
    const Value* value = node->is("Constant") ? node->output() : nullptr;
    if (value == nullptr || value->name().empty() || value->rank() == 0 || value->users().empty()) continue;
    BuiltWeight weight;
    weight.name = value->name();
    weight.variable = std::make_shared<Variable>();
    const cnnc::Tensor* content = value->constant();
    if (content == nullptr || !is_float(content->dtype())) continue;
    *weight.variable = {weight.name, nullptr, *content, {}, !is_statistic(*value)};
    state->weights.push_back(std::move(weight));
  }
  mark_statistics(*state);
  return state;
}

static std::unique_ptr<Graph> with_present_weights(const Graph& prototype, const std::vector<BuiltWeight>& weights) {
  std::map<std::string, const cnnc::Tensor*> values;
  for (const BuiltWeight& weight : weights) values[weight.name] = &weight.variable->value;
  std::unique_ptr<Graph> graph = prototype.clone();
  for (const auto& node : graph->nodes()) {
    if (!node->is("Constant")) continue;
    const auto it = values.find(node->output()->name());
    if (it != values.end()) node->set_attribute("value", *it->second);
  }
  return graph;
}

std::unique_ptr<Graph> ModelState::graph() const { return with_present_weights(*prototype, weights); }
std::unique_ptr<Graph> ModelState::graph_with_masks() const {
  return with_present_weights(structure_with_masks(), weights);
}

BuiltWeight& ModelState::weight_named(const std::string& name) {
  for (BuiltWeight& weight : weights)
    if (weight.name == name) return weight;
  std::string known;
  for (const BuiltWeight& weight : weights) known += (known.empty() ? "" : ", ") + weight.name;
  throw Error(cat("the model has no weight ", quoted(name), "; it has ", known), Fault::usage);
}

void require_threads(int threads) {
  if (threads < 0) throw Error(cat("threads is ", threads, ", need 0 or more"), Fault::usage);
}

CompiledGraph& ModelState::predictor(int threads) {
  require_threads(threads);
  bool same = predictor_ && predictor_threads_ == threads;
  for (size_t i = 0; same && i < weights.size(); ++i)
    same = predictor_weights_[i].raw() == weights[i].variable->value.raw();
  if (!same) {
    predictor_ = std::make_unique<CompiledGraph>(graph(), threads);
    predictor_threads_ = threads;
    predictor_weights_.clear();
    for (const BuiltWeight& weight : weights) predictor_weights_.push_back(weight.variable->value);
  }
  return *predictor_;
}

}  // namespace cnnc::dsl

// Parts of models, and models as layers: what a network has learned serves another task.
#include <set>

#include "cnnc/model.h"
#include "frontend/dsl/definition.h"
#include "ir/error.h"
#include "model/model_state.h"

namespace cnnc::dsl {

// ---- a model as a layer ----------------------------------------------------------------------------------------------
// Records the graph's nodes as operations on tensors of the DSL.
static Tensors recorded(const ModelState& model, const Tensors& x) {
  const Graph& graph = model.structure_with_masks();
  if (x.size() != graph.inputs().size())
    throw Error(cat("the model has ", graph.inputs().size(), " inputs, was given ", x.size(), " tensors"), Fault::usage);
  for (const Tensor& t : x)
    if (t.mask())
      throw Error(cat("the model was made without the mask that its input ", t.type(), " has here; call its layers, or give it "
                      "without_mask()"),
                  Fault::usage);
  std::map<std::string, std::shared_ptr<Variable>> weights;
  for (const BuiltWeight& weight : model.weights) weights[weight.name] = weight.variable;
  std::map<const Value*, Tensor> values;
  for (size_t i = 0; i < x.size(); ++i) values.emplace(graph.inputs()[i].get(), x[i]);
  for (const auto& node : graph.nodes()) {
    if (node->is("Constant")) {
      const auto weight = weights.find(node->output()->name());
      values.emplace(node->output(), weight != weights.end() ? weight_tensor(weight->second)
                                                             : constant_tensor(*node->output()->constant()));
      continue;
    }
    std::vector<const Tensor*> operands;
    for (const Value* operand : node->inputs()) operands.push_back(operand ? &values.at(operand) : nullptr);
    const auto count = static_cast<int>(node->output_count());
    const Tensors results = record_results(node->op_name(), operands, node->attributes(), count, {});
    for (size_t i = 0; i < results.size(); ++i) values.emplace(node->output(i), results[i]);
  }
  Tensors outputs;
  for (size_t i = 0; i < model.prototype->outputs().size(); ++i) {
    const Tensor& output = values.at(graph.outputs()[i]);
    outputs.push_back(model.mask_of(i) ? with_mask(output, values.at(graph.outputs()[*model.mask_of(i)])) : output);
  }
  return outputs;
}

Layer Model::as_layer(Location where) const {
  Layer layer("Model", [model = state_](LayerScope&, const Tensors& x) { return recorded(*model, x); }, where);
  for (const BuiltWeight& weight : state_->weights) layer.state()->variables.push_back(weight.variable);
  return layer;
}

// ---- parts -----------------------------------------------------------------------------------------------------------
static void erase_unused(Graph& graph) {
  for (auto it = graph.nodes().end(); it != graph.nodes().begin();) {
    Node& node = **--it;
    bool used = false;
    for (size_t i = 0; i < node.output_count(); ++i) used = used || node.output(i)->use_count() > 0;
    if (used) continue;
    ++it;
    graph.erase(&node);
  }
}

// The graph with this value as its only output, and the weights that it still has.
static std::shared_ptr<ModelState> part_of(const ModelState& model, std::unique_ptr<Graph> graph, Value* output) {
  graph->remove_outputs();
  graph->add_output(output, output->name().empty() ? "features" : output->name());
  erase_unused(*graph);
  auto part = std::make_shared<ModelState>();
  part->name = model.name;
  std::set<std::string> names;
  for (const auto& node : graph->nodes())
    if (node->is("Constant")) names.insert(node->output()->name());
  for (const BuiltWeight& weight : model.weights)
    if (names.count(weight.name) != 0) part->weights.push_back(weight);
  part->prototype = std::move(graph);
  return part;
}

Model Model::up_to(const std::string& name) const {
  std::unique_ptr<Graph> graph = state_->graph();
  Value* found = nullptr;
  for (const auto& node : graph->nodes()) {
    if (node->is("Constant")) continue;
    const bool of_layer = node->origins().names() == Strings{name};
    for (size_t i = 0; i < node->output_count(); ++i)
      if (of_layer || node->output(i)->name() == name) found = node->output(i);
  }
  for (size_t i = 0; i < graph->outputs().size(); ++i)
    if (graph->output_names()[i] == name) found = graph->outputs()[i];
  if (found == nullptr) throw Error(cat("the model has no layer or value ", quoted(name)), Fault::usage);
  return Model(part_of(*state_, std::move(graph), found));
}

Model Model::without_head() const {
  std::unique_ptr<Graph> graph = state_->graph();
  Value* features = nullptr;
  for (const auto& node : graph->nodes())
    if ((node->is("Gemm") || node->is("MatMul") || node->is("Conv")) && node->input(0)->constant() == nullptr)
      features = node->input(0);
  if (features == nullptr || features->producer() == nullptr)
    throw Error("the model has no layers below its last dense or convolutional one", Fault::usage);
  return Model(part_of(*state_, std::move(graph), features));
}

}  // namespace cnnc::dsl

#include "passes/training/parameters.h"

#include <algorithm>

#include "ir/control_flow.h"
#include "ir/error.h"
#include "ir/op_def.h"
#include "passes/regions.h"

namespace cnnc {
namespace {

// Operands that steer an operator instead of being weights.
bool steers(const Node& node, size_t operand) {
  static const std::map<std::string, std::set<size_t>> kSteering = {
      {"Clip", {1, 2}}, {"Dropout", {1}},        {"Resize", {1, 2}}, {"Upsample", {1}},
      {"Pad", {2}},     {"OneHot", {2}},         {"Range", {0, 1, 2}}, {"CastLike", {1}},
      {"Shape", {0}},   {"Size", {0}},           {"EyeLike", {0}}};
  const auto it = kSteering.find(node.op_name());
  return it != kSteering.end() && it->second.count(operand) != 0;
}

bool is_statistic(const Node& node, size_t operand) {
  return node.is("BatchNormalization") && operand >= 3;
}

struct Uses {
  bool weight = false, statistic = false;
};

// How a graph uses values. A weight is one that decides a float result of the graph otherwise than by steering: not the scales
// that a Resize gets of a Concat, nor a factor of a size.
class UsesInGraph {
 public:
  explicit UsesInGraph(const Graph& graph) {
    for (auto it = graph.nodes().rbegin(); it != graph.nodes().rend(); ++it) {
      const Node& node = **it;
      bool decides = false;
      for (size_t i = 0; i < node.output_count(); ++i)
        decides = decides || (is_float(node.output(i)->dtype()) && of(*node.output(i)).weight);
      for (size_t i = 0; i < node.inputs().size(); ++i) {
        if (is_statistic(node, i)) statistics_.insert(node.input(i));
        else if (decides && !steers(node, i)) weights_.insert(node.input(i));
      }
    }
  }

  Uses of(const Value& value) const {
    return {value.is_graph_output() || weights_.count(&value) > 0, statistics_.count(&value) > 0};
  }

 private:
  std::set<const Value*> weights_, statistics_;
};

bool is_candidate(const Node& node, const std::set<std::string>& names) {
  return node.is("Constant") && node.output()->constant() && names.count(node.output()->name());
}

// Weights that stand in regions of a node, by name, in the order of their first place.
std::vector<std::pair<std::string, Tensor>> weights_in_regions(const Node& node, const std::set<std::string>& names) {
  std::vector<std::pair<std::string, Tensor>> weights;
  std::set<std::string> found;
  for_each_region(node, [&](Graph& region) {
    const UsesInGraph uses(region);
    for (const auto& inner : region.nodes()) {
      if (!is_candidate(*inner, names)) continue;
      const Value& value = *inner->output();
      const bool may_train = is_float(value.dtype()) && value.rank() > 0;
      if (may_train && uses.of(value).weight && found.insert(value.name()).second)
        weights.emplace_back(value.name(), *value.constant());
    }
  });
  return weights;
}

// Makes a constant of this name a capture of the node: one more input of each of its regions.
void capture(Node& node, const std::string& name, Value* outer) {
  for_each_region(node, [&](Graph& region) {
    Value* input = region.add_input(outer->type(), name);
    for (auto it = region.nodes().begin(); it != region.nodes().end();) {
      Node& inner = **it++;
      if (!inner.is("Constant") || inner.output()->name() != name) continue;
      region.replace_uses(inner.output(), input);
      region.erase(&inner);
    }
  });
  node.add_input(outer);
  if (node.attribute("num_captures"))
    node.set_attribute("num_captures", node.int_attribute("num_captures") + 1);
}

// Weights that regions use become constants of the graph around all of them, which the regions
// capture: a parameter is an input of the whole step.
void lift_weights(Graph& graph, const std::set<std::string>& names) {
  for (auto it = graph.nodes().begin(); it != graph.nodes().end(); ++it) {
    Node& node = **it;
    if (!is_control_flow(node)) continue;
    for_each_region(node, [&](Graph& region) { lift_weights(region, names); });
    const InsertBefore here(node);
    for (const auto& [name, tensor] : weights_in_regions(node, names)) {
      Value* outer = graph.constant(tensor);
      outer->set_name(name);
      capture(node, name, outer);
    }
  }
}

}  // namespace

Parameters promote_parameters(Graph& graph, const std::set<std::string>& candidates,
                              const std::set<std::string>& frozen,
                              const std::set<std::string>& held) {
  lift_weights(graph, candidates);
  Parameters result;
  std::map<std::string, Value*> promoted;
  std::set<std::string> unknown = frozen;
  const UsesInGraph uses_in_graph(graph);
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node& node = **it++;
    const Tensor* constant = node.is("Constant") ? node.output()->constant() : nullptr;
    const std::string name = node.output_count() ? node.output()->name() : "";
    if (constant == nullptr || !candidates.count(name)) continue;
    unknown.erase(name);
    if (frozen.count(name) || !is_float(constant->dtype()) || constant->shape().empty()) continue;
    const Uses uses = uses_in_graph.of(*node.output());
    if (!uses.weight && !uses.statistic) continue;
    Value*& input = promoted[name];
    if (input == nullptr) {
      input = graph.add_input(node.output()->type(), name);
      auto& kind = held.count(name) ? result.held : uses.weight ? result.trained : result.statistics;
      kind.push_back({name, *constant, input});
    }
    graph.replace_uses(node.output(), input);
    graph.erase(&node);
  }
  if (!unknown.empty())
    throw Error(cat("--freeze: the model has no initializer ", quoted(*unknown.begin())),
                Fault::usage);
  return result;
}

bool is_regularized(const Value& parameter) {
  for (const auto& [node, count] : parameter.users()) {
    const bool contracts =
        node->is("Conv") || node->is("ConvTranspose") || node->is("Gemm") || node->is("MatMul");
    if (contracts && (node->input(1) == &parameter ||
                      (!node->is("Conv") && !node->is("ConvTranspose") &&
                       node->input(0) == &parameter)))
      return true;
    // The same weight in another form.
    const bool same = node->op().is_view() || node->is("Transpose") || node->is("Cast");
    if (same && node->input(0) == &parameter && is_regularized(*node->output())) return true;
  }
  return false;
}

}  // namespace cnnc

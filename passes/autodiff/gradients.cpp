#include "passes/autodiff/gradients.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "ir/gradient.h"
#include "passes/autodiff/control_flow.h"
#include "passes/autodiff/scalar_nodes.h"

namespace cnnc {
namespace {

class Differentiation {
 public:
  Differentiation(Graph& graph, std::vector<Value*> outputs, const std::vector<Value*>& wrt)
      : graph_(graph), active_(wrt.begin(), wrt.end()), outputs_(std::move(outputs)) {}

  // Gradients of the outputs; made when operators stand as they will be differentiated.
  using Seeds = std::function<std::vector<Value*>(const std::vector<Value*>& outputs)>;

  std::vector<Value*> run(const std::vector<Value*>& wrt, const Seeds& seeds) {
    expand_decompositions();
    std::vector<Node*> nodes;
    for (const auto& node : graph_.nodes()) nodes.push_back(node.get());
    graph_.append_at_end();
    const std::vector<Value*> arriving = seeds(outputs_);
    for (size_t i = 0; i < outputs_.size(); ++i) arrived_[outputs_[i]].push_back(arriving[i]);
    for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) propagate(**it);
    std::vector<Value*> results;
    for (Value* w : wrt) results.push_back(total(w));
    return results;
  }

 private:
  // Whether a value depends on what is differentiated by.
  bool is_active(const Value* value) const { return value && active_.count(value) != 0; }

  bool has_active_operand(const Node& node) const {
    const auto& inputs = node.inputs();
    return std::any_of(inputs.begin(), inputs.end(), [&](Value* v) { return is_active(v); });
  }

  // Marks active values in execution order. Nodes of a decomposition come before the node that they
  // replace, so the walk goes back to the first of them.
  void expand_decompositions() {
    auto it = graph_.nodes().begin();
    while (it != graph_.nodes().end()) {
      Node& node = **it;
      if (!has_active_operand(node)) {
        ++it;
        continue;
      }
      const OpDef& op = node.op();
      if (!op.has_gradient() && !op.is_elementwise() && op.has_decomposition()) {
        it = expand(node);
        continue;
      }
      for (size_t i = 0; i < node.output_count(); ++i)
        if (is_float(node.output(i)->dtype())) active_.insert(node.output(i));
      ++it;
    }
  }

  NodeList::const_iterator expand(Node& node) {
    const NodeList::const_iterator before = node.position();
    const bool first = before == graph_.nodes().begin();
    const NodeList::const_iterator previous = first ? before : std::prev(before);
    {
      const InsertBefore here(node);
      const std::vector<Value*> parts = node.op().decomposition(node, graph_);
      for (size_t i = 0; i < node.output_count(); ++i) {
        std::replace(outputs_.begin(), outputs_.end(), node.output(i), parts[i]);
        graph_.replace_uses(node.output(i), parts[i]);
      }
    }
    graph_.erase(&node);
    return first ? graph_.nodes().begin() : std::next(previous);
  }

  // The sum of what has arrived at a value; null when nothing has.
  Value* total(Value* value) {
    const auto it = arrived_.find(value);
    if (it == arrived_.end()) return nullptr;
    Value* sum = it->second[0];
    for (size_t i = 1; i < it->second.size(); ++i) sum = graph_.make("Add", {sum, it->second[i]});
    it->second = {sum};
    return sum;
  }

  void propagate(const Node& node) {
    if (!has_active_operand(node)) return;
    std::vector<Value*> gradients;
    for (size_t i = 0; i < node.output_count(); ++i) gradients.push_back(total(node.output(i)));
    if (std::all_of(gradients.begin(), gradients.end(), [](Value* v) { return v == nullptr; }))
      return;
    std::vector<bool> wanted;
    for (const Value* operand : node.inputs()) wanted.push_back(is_active(operand));
    GradientBuilder builder(node, graph_, std::move(gradients), std::move(wanted));
    graph_.set_current_origins(node.origins());
    build(builder);
    graph_.set_current_origins({});
    for (size_t k = 0; k < node.inputs().size(); ++k)
      if (Value* gradient = builder.results()[k]; gradient && builder.wants(k))
        arrived_[node.input(k)].push_back(gradient);
  }

  static void build(GradientBuilder& builder) {
    const Node& node = builder.node();
    if (node.op().has_gradient()) return node.op().build_gradient(builder);
    if (node.is("If")) return if_gradient(builder);
    if (node.is("Scan")) return scan_gradient(builder);
    if (node.is("Loop"))
      throw Error(
          cat(node.description(),
              ": the loss depends on a loop that data ends; only loops "
              "with a trip count that is known when the model is compiled have a gradient"));
    if (node.op().is_elementwise()) return elementwise(builder);
    throw Error(cat(node.description(), ": the operator ", node.op_name(),
                    " has no derivative, and the loss depends on it"));
  }

  // dx = dy f'(x), with the derivative of the scalar function.
  static void elementwise(GradientBuilder& builder) {
    const Node& node = builder.node();
    const Scalar f = node.op().scalar_function(node);
    ScalarNodes nodes(builder.graph(), node.inputs());
    nodes.known(f, node.output());
    for (size_t k = 0; k < node.inputs().size(); ++k) {
      if (!builder.wants(k)) continue;
      const Scalar slope = differentiate(f, static_cast<int>(k));
      if (slope.is_constant(0)) continue;
      Value* dy = builder.out_grad();
      builder.wrt(k, slope.is_constant(1) ? dy : builder.mul(dy, nodes.make(slope)));
    }
  }

  Graph& graph_;
  std::set<const Value*> active_;
  std::vector<Value*> outputs_;
  std::map<Value*, std::vector<Value*>> arrived_;
};

}  // namespace

std::vector<Value*> gradients(Graph& graph, Value* loss, const std::vector<Value*>& wrt) {
  return Differentiation(graph, {loss}, wrt).run(wrt, [&](const std::vector<Value*>& outputs) {
    Value* one = graph.constant(Tensor::scalar(outputs[0]->dtype(), 1));
    return std::vector<Value*>{fitted_to(graph, one, outputs[0])};
  });
}

std::vector<Value*> gradients(Graph& graph, const std::vector<Value*>& outputs,
                              const std::vector<Value*>& output_gradients,
                              const std::vector<Value*>& wrt) {
  return Differentiation(graph, outputs, wrt).run(wrt, [&](const std::vector<Value*>&) {
    return output_gradients;
  });
}

}  // namespace cnnc

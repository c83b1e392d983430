// The update of a weight and of the optimiser's state beside it goes to where the weight's gradient is computed: the gradient is
// never written, and the square roots and divisions of one element run while others are multiplied.
#include <algorithm>
#include <functional>
#include <map>

#include "ir/contraction_view.h"
#include "ir/control_flow.h"
#include "ir/op_def.h"
#include "ir/ops/for_each.h"
#include "passes/fusion.h"
#include "passes/passes.h"

namespace cnnc {

namespace {

void for_each_reader(const Value& value, const std::function<void(const Node&)>& fn) {
  for (const auto& [user, operands] : value.users()) {
    if (user->op().is_view()) for_each_reader(*user->output(), fn);
    else fn(*user);
  }
}

class UpdateFusion {
 public:
  UpdateFusion(Graph& graph, Node& update)
      : graph_(graph), update_(update), layout_(update), body_(*update.region("body")) {
    for (const auto& node : graph.nodes()) positions_[node.get()] = positions_.size() + 1;
  }

  bool run() {
    std::vector<size_t> left;
    for (size_t set = 0; set < layout_.sets; ++set)
      if (!fuse(set)) left.push_back(set);
    if (gradients_.empty()) return false;
    if (!left.empty()) keep(left);
    graph_.erase(&update_);
    for (Node* gradient : gradients_) graph_.erase(gradient);
    return true;
  }

 private:
  // The product of a row of the set that nothing else reads. Of other types no kernel has sums in registers.
  Node* gradient_of(size_t set) const {
    const Dims& dims = layout_.sized_operand(update_, set)->type().dims;
    for (size_t k = 0; k < layout_.inputs; ++k) {
      const Value* value = update_.input(layout_.operand(set, k));
      Node* producer = value->producer();
      if (producer == nullptr || !positions_.count(producer) || producer->output_count() != 1) continue;
      if (value->use_count() != 1 || value->type().dims != dims) continue;
      if (value->dtype() != DType::f32 && value->dtype() != DType::f64) continue;
      const auto view = contraction_view(*producer);
      if (view && view->root->is("MatMul")) return producer;
    }
    return nullptr;
  }

  bool fuse(size_t set) {
    Node* gradient = gradient_of(set);
    if (gradient == nullptr) return false;
    FusionCandidate candidate = with_update(set, *gradient);
    if (!contraction_view(*candidate.body)) return false;
    std::vector<Value*> results;
    for (size_t r = 0; r < layout_.outputs; ++r) results.push_back(update_.output(layout_.result(set, r)));
    const Node& place = place_for(set, *gradient);
    Node* fused = replace_by_fused(graph_, std::move(candidate), {}, results, place);
    fused->add_origins(gradient->origins());
    positions_[fused] = positions_.at(&place);
    gradients_.push_back(gradient);
    return true;
  }

  // The gradient's body and behind it the set's update.
  FusionCandidate with_update(size_t set, Node& gradient) const {
    FusionCandidate candidate = fuse_body({&gradient}, {gradient.output()});
    Graph& fused = *candidate.body;
    Value* sum = fused.outputs()[0];
    fused.remove_outputs();
    std::vector<Value*> operands;
    for (size_t k = 0; k < body_.inputs().size(); ++k) {
      Value* value = operand(set, k);
      operands.push_back(value == gradient.output() ? sum : input_for(candidate, value));
    }
    fused.set_current_origins(update_.origins());
    for (Value* result : inline_graph(fused, body_, operands)) fused.add_output(result);
    return candidate;
  }

  // What the body's input `k` is in the set.
  Value* operand(size_t set, size_t k) const {
    return update_.input(k < layout_.shared ? k : layout_.operand(set, k - layout_.shared));
  }

  static Value* input_for(FusionCandidate& candidate, Value* value) {
    const auto it = std::find(candidate.operands.begin(), candidate.operands.end(), value);
    if (it != candidate.operands.end()) return candidate.body->inputs()[static_cast<size_t>(it - candidate.operands.begin())].get();
    candidate.operands.push_back(value);
    return candidate.body->add_input(value->type());
  }

  // As early as all operands are there and others have read the weight and the state, so that these may be written in place.
  const Node& place_for(size_t set, const Node& gradient) const {
    const Node* last = &gradient;
    const auto wait_for = [&](const Node* node) {
      const auto it = positions_.find(node);
      if (it != positions_.end() && it->second < positions_.at(&update_) && it->second > positions_.at(last)) last = node;
    };
    for (size_t k = 0; k < body_.inputs().size(); ++k) {
      const Value* value = operand(set, k);
      wait_for(value->producer());
      if (k >= layout_.shared) for_each_reader(*value, [&](const Node& reader) { wait_for(&reader); });
    }
    return **std::next(last->position());
  }

  // A node for the sets that stay.
  void keep(const std::vector<size_t>& sets) {
    std::vector<Value*> operands(update_.inputs().begin(), update_.inputs().begin() + static_cast<std::ptrdiff_t>(layout_.shared));
    for (size_t set : sets)
      for (size_t k = 0; k < layout_.inputs; ++k) operands.push_back(update_.input(layout_.operand(set, k)));
    Attributes attributes = update_.attributes();
    attributes["sets"] = static_cast<int64_t>(sets.size());
    const InsertBefore here(update_);
    const Node* rest = graph_.add("ForEach", operands, attributes, static_cast<int>(sets.size() * layout_.outputs));
    for (size_t i = 0; i < sets.size(); ++i)
      for (size_t r = 0; r < layout_.outputs; ++r)
        graph_.replace_uses(update_.output(layout_.result(sets[i], r)), rest->output(layout_.result(i, r)));
  }

  Graph& graph_;
  Node& update_;
  const ForEachLayout layout_;
  const Graph& body_;
  std::map<const Node*, size_t> positions_;
  std::vector<Node*> gradients_;  // that are computed with their update now
};

// With fewer, sums of the product and what the update computes displace each other.
constexpr int kRegisters = 32;

bool run(Graph& graph) {
  std::vector<Node*> updates;
  for (const auto& node : graph.nodes())
    if (node->is("ForEach")) updates.push_back(node.get());
  bool changed = false;
  for (Node* update : updates) changed |= UpdateFusion(graph, *update).run();
  return changed;
}

}  // namespace

Pass fuse_updates() {
  return {"fuse-updates", "A weight is updated by the kernel of the product that is its gradient.",
          [](Graph& graph, const Target& target) { return target.vector_registers() >= kRegisters && run(graph); }, nullptr};
}

}  // namespace cnnc

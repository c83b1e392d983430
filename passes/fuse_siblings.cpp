// Reductions of the same tensor over the same loops become one kernel that reads it once: a pool and its winning taps, the two
// sums of a batch normalization's gradient.
#include <algorithm>
#include <map>
#include <set>

#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "passes/fusion.h"
#include "passes/passes.h"

namespace cnnc {

namespace {

constexpr size_t kMaxOperands = 32;

// A node whose nest reduces, and writes less than it reads.
struct Reduction {
  Node* node;
  LoopNest nest;
  size_t position;
};

std::vector<Reduction> reductions_of(Graph& graph) {
  std::vector<Reduction> found;
  size_t position = 0;
  for (const auto& node : graph.nodes()) {
    ++position;
    if (!can_be_fused(*node) || node->op().is_view() || node->output()->is_graph_output()) continue;
    auto nest = loop_nest(*node);
    if (nest && !nest->stages.empty() && !nest->rows) found.push_back({node.get(), std::move(*nest), position});
  }
  return found;
}

bool has_same_loops(const LoopNest& a, const LoopNest& b) {
  return a.space() == b.space() && a.loops == b.loops && a.inner == b.inner;
}

// The places at which the stages read an operand.
std::set<std::string> places(const Reduction& r, const Value* operand) {
  std::set<std::string> found;
  for (const LoopNest::Stage& stage : r.nest.stages)
    for (const Scalar& element : stage.elements)
      visit(element, [&](const Scalar& e) {
        if (e.op() != ScalarOp::load || r.node->input(static_cast<size_t>(e->integer)) != operand) return;
        std::string place;
        for (const Scalar& index : e->args) place += index.str() + ",";
        found.insert(place);
      });
  return found;
}

// Whether there is an operand of which both read the same element at each of their points.
bool reads_the_same(const Reduction& a, const Reduction& b) {
  return std::any_of(a.node->inputs().begin(), a.node->inputs().end(), [&](const Value* operand) {
    const auto& others = b.node->inputs();
    return operand && operand->type().element_count() == product(a.nest.loops) &&
           std::find(others.begin(), others.end(), operand) != others.end() && places(a, operand) == places(b, operand);
  });
}

class Positions {
 public:
  explicit Positions(const Graph& graph) {
    for (const auto& node : graph.nodes()) positions_[node.get()] = positions_.size() + 1;
  }

  // Of the node that defines the value; 0 for inputs.
  size_t of(const Value& value) const { return value.producer() ? positions_.at(value.producer()) : 0; }
  size_t of(const Node& node) const { return positions_.at(&node); }

 private:
  std::map<const Node*, size_t> positions_;
};

// Where both can be computed together: at the place of the first one, if the second one's operands are there, or of the second
// one, if nobody needs the first one before. Null when there is no such place.
const Node* common_place(const Positions& positions, const Reduction& first, const Reduction& second) {
  const auto& operands = second.node->inputs();
  const bool early = std::all_of(operands.begin(), operands.end(), [&](const Value* v) {
    return v == nullptr || (&v->graph() == &second.node->graph() && positions.of(*v) < first.position);
  });
  if (early) return first.node;
  const auto& users = first.node->output()->users();
  const bool late = std::all_of(users.begin(), users.end(), [&](const auto& use) {
    return &use.first->graph() == &first.node->graph() && positions.of(*use.first) > second.position;
  });
  return late ? second.node : nullptr;
}

bool fuse_pair(Graph& graph, const Positions& positions, const Reduction& first, const Reduction& second) {
  if (!has_same_loops(first.nest, second.nest) || !reads_the_same(first, second)) return false;
  const Node* place = common_place(positions, first, second);
  if (place == nullptr) return false;
  const std::vector<Node*> nodes{first.node, second.node};
  const std::vector<Value*> results{first.node->output(), second.node->output()};
  FusionCandidate candidate = fuse_body(nodes, results);
  if (candidate.operands.size() > kMaxOperands || !loop_nest(*candidate.body)) return false;
  replace_by_fused(graph, std::move(candidate), nodes, results, *place);
  return true;
}

bool fuse_any(Graph& graph) {
  const std::vector<Reduction> reductions = reductions_of(graph);
  const Positions positions(graph);
  for (size_t i = 0; i < reductions.size(); ++i)
    for (size_t j = i + 1; j < reductions.size(); ++j)
      if (fuse_pair(graph, positions, reductions[i], reductions[j])) return true;
  return false;
}

bool run(Graph& graph) {
  bool changed = false;
  while (fuse_any(graph)) changed = true;
  return changed;
}

}  // namespace

Pass fuse_siblings() {
  return {"fuse-siblings", "Reductions of the same tensor over the same loops become one kernel.",
          [](Graph& graph, const Target&) { return run(graph); }, nullptr};
}

}  // namespace cnnc

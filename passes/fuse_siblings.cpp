// Reductions of the same tensor over the same loops become one kernel that reads it once: a pool and its winning taps, the two
// sums of a batch normalization's gradient.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

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

// What two reductions have in common when one kernel can compute both: the same loops, and an operand of which both read the
// same element at each point. Reductions with an equal key have that.
struct Key {
  const Value* operand;
  std::string loops_and_places;
  bool operator<(const Key& other) const {
    return std::tie(operand, loops_and_places) < std::tie(other.operand, other.loops_and_places);
  }
};

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

// In the order of the operands.
std::vector<Key> keys_of(const Reduction& r) {
  std::string loops;
  for (const Dim& d : r.nest.loops) loops += d.str() + ",";
  for (const int inner : r.nest.inner) loops += cat(" ", inner);
  for (const Dim& d : r.nest.space()) loops += "," + d.str();
  const Dim points = product(r.nest.loops);
  std::vector<Key> keys;
  for (const Value* operand : r.node->inputs()) {
    if (operand == nullptr || !(operand->type().element_count() == points)) continue;
    std::string key = loops;
    for (const std::string& place : places(r, operand)) key += ";" + place;
    keys.push_back({operand, std::move(key)});
  }
  return keys;
}

class Positions {
 public:
  explicit Positions(const Graph& graph) {
    for (const auto& node : graph.nodes()) positions_[node.get()] = positions_.size() + 1;
  }

  // Of the node that defines the value; 0 for inputs.
  size_t of(const Value& value) const { return value.producer() ? positions_.at(value.producer()) : 0; }
  size_t of(const Node& node) const { return positions_.at(&node); }
  void add(const Node& node, size_t position) { positions_[&node] = position; }

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

// Makes one node of both; false when that cannot be.
bool fuse_pair(Graph& graph, Positions& positions, const Reduction& first, const Reduction& second) {
  const Node* place = common_place(positions, first, second);
  if (place == nullptr) return false;
  const size_t position = positions.of(*place);
  const std::vector<Node*> nodes{first.node, second.node};
  const std::vector<Value*> results{first.node->output(), second.node->output()};
  FusionCandidate candidate = fuse_body(nodes, results);
  if (candidate.operands.size() > kMaxOperands || !loop_nest(*candidate.body)) return false;
  positions.add(*replace_by_fused(graph, std::move(candidate), nodes, results, *place), position);
  return true;
}

// Each reduction is fused with the first later one that it can be fused with.
bool run(Graph& graph) {
  const std::vector<Reduction> reductions = reductions_of(graph);
  // Keys stay those of the graph as it was: an operand that a new node replaces is replaced for all that read it.
  std::vector<std::vector<Key>> keys;
  std::map<Key, std::vector<size_t>> alike;  // ascending
  for (size_t i = 0; i < reductions.size(); ++i) {
    keys.push_back(keys_of(reductions[i]));
    for (const Key& key : keys[i]) alike[key].push_back(i);
  }

  Positions positions(graph);
  std::vector<bool> fused(reductions.size(), false);
  bool changed = false;
  for (size_t i = 0; i < reductions.size(); ++i) {
    if (fused[i]) continue;
    for (const Key& key : keys[i]) {
      const std::vector<size_t>& group = alike[key];
      const auto j = std::find_if(std::upper_bound(group.begin(), group.end(), i), group.end(), [&](size_t other) {
        return !fused[other] && fuse_pair(graph, positions, reductions[i], reductions[other]);
      });
      if (j == group.end()) continue;
      changed = fused[i] = fused[*j] = true;
      break;
    }
  }
  return changed;
}

}  // namespace

Pass fuse_siblings() {
  return {"fuse-siblings", "Reductions of the same tensor over the same loops become one kernel.",
          [](Graph& graph, const Target&) { return run(graph); }, nullptr};
}

}  // namespace cnnc

// Conv, ConvTranspose and MatMul with what follows them: bias, activations, residual additions work on the accumulators.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "ir/affine.h"
#include "ir/contraction_view.h"
#include "ir/control_flow.h"
#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "passes/fusion.h"
#include "passes/passes.h"
#include "passes/regions.h"

namespace cnnc {

namespace {

// More would not fit the registers beside the accumulators.
constexpr size_t kMaxNodes = 24;
// With more input channels, reading them far apart costs more than the Transpose.
constexpr int64_t kMaxStridedChannels = 16;

// Where nodes stand in the order of execution.
class Positions {
 public:
  explicit Positions(const Graph& graph) {
    for (const auto& node : graph.nodes()) positions_[node.get()] = positions_.size() + 1;
  }
  size_t of(const Node& node) const { return positions_.at(&node); }
  // `fused` stands where `place` stood.
  void add(const Node& fused, size_t place) { positions_[&fused] = place; }

 private:
  std::unordered_map<const Node*, size_t> positions_;
};

class EpilogueGrower {
 public:
  EpilogueGrower(Node* root, const Positions& positions) : root_(root), positions_(positions) { nodes_.push_back(root); }

  // The longest chain of element-wise users of which only the last result is needed elsewhere.
  std::vector<Node*> grow() {
    std::vector<Node*> best = nodes_;
    while (nodes_.size() < kMaxNodes) {
      Node* next = next_user();
      if (next == nullptr) break;
      nodes_.push_back(next);
      if (escaping() == 1 && next->output()->use_count() > 0) best = nodes_;
    }
    return best;
  }

 private:
  bool contains(const Node* node) const { return std::find(nodes_.begin(), nodes_.end(), node) != nodes_.end(); }

  // The earliest user of the body's values that can join it. Ids are no order of execution, positions are; users that
  // come from one body value follow each other by their own operands.
  Node* next_user() const {
    Node* next = nullptr;
    for (const Node* node : nodes_) {
      for (const auto& [user, count] : node->output()->users()) {
        if (contains(user) || !joins(*user)) continue;
        if (next == nullptr || depends_on(*next, *user)) next = user;
      }
    }
    return next;
  }

  static bool depends_on(const Node& node, const Node& other) {
    return std::any_of(node.inputs().begin(), node.inputs().end(),
                       [&](const Value* v) { return v && v->producer() == &other; });
  }

  bool joins(const Node& user) const {
    if (&user.graph() != &root_->graph() || user.output_count() != 1) return false;
    if (!user.op().is_elementwise() && !reads_body_in_place(user)) return false;
    if (user.output()->type().dims != root_->output()->type().dims) return false;
    // Whatever else it reads must not wait for the body: an operand between would make a cycle.
    return std::all_of(user.inputs().begin(), user.inputs().end(), [&](const Value* v) {
      return v == nullptr || v->producer() == nullptr || contains(v->producer()) || !reaches_body(*v->producer());
    });
  }

  // Whether each element of the result needs those at its own place alone, of what the body computes.
  bool reads_body_in_place(const Node& user) const {
    if (!user.op().has_computation() || user.op().is_view()) return false;
    const auto nest = loop_nest(user);
    if (!nest || !nest->stages.empty() || nest->rows) return false;
    const Scalars place = OpContext::indices(user.output()->rank());
    bool in_place = true;
    visit(nest->results[0].value, [&](const Scalar& e) {
      if (e.op() != ScalarOp::load || !contains(user.input(static_cast<size_t>(e->integer))->producer())) return;
      in_place = in_place && e->args.size() == place.size() &&
                 std::equal(place.begin(), place.end(), e->args.begin(), [](const Scalar& a, const Scalar& b) { return a.str() == b.str(); });
    });
    return in_place;
  }

  // Nodes before the root cannot wait for it.
  bool reaches_body(const Node& node) const {
    std::set<const Node*> seen;
    std::vector<const Node*> work{&node};
    while (!work.empty()) {
      const Node* n = work.back();
      work.pop_back();
      if (&n->graph() != &root_->graph() || positions_.of(*n) < positions_.of(*root_) || !seen.insert(n).second) continue;
      if (contains(n)) return true;
      for (const Value* v : n->inputs())
        if (v && v->producer()) work.push_back(v->producer());
    }
    return false;
  }

  int escaping() const {
    int count = 0;
    for (const Node* node : nodes_) {
      bool outside = node->output()->is_graph_output();
      for (const auto& [user, operands] : node->output()->users()) outside |= !contains(user);
      count += outside;
    }
    return count;
  }

  Node* root_;
  const Positions& positions_;
  std::vector<Node*> nodes_;
};

// A Transpose whose result the contraction can read through strides.
Node* readable_transpose(const Node& root, size_t operand) {
  const Value* value = root.input(operand);
  Node* producer = value ? value->producer() : nullptr;
  if (producer == nullptr || !producer->is("Transpose") || producer->input(0)->constant()) return nullptr;
  if (root.is("MatMul")) return producer;
  if (operand != 0) return nullptr;
  const Dim& channels = value->type().dims.back();
  return channels.is_const() && channels.value() <= kMaxStridedChannels ? producer : nullptr;
}

// An element-wise node for this one use that reads one tensor of the result's size, which is kept for others anyway: a mask
// made of a saved activation. In the epilogue it costs no pass over memory of its own.
bool is_side_node(const Node& node, const Dims& dims) {
  if (!node.op().is_elementwise() || node.output_count() != 1) return false;
  const Value& result = *node.output();
  if (result.use_count() != 1 || result.type().dims != dims) return false;
  int whole = 0;
  for (const Value* operand : node.inputs()) {
    if (operand == nullptr) return false;
    if (operand->type().element_count() == 1) continue;
    const bool kept = operand->producer() == nullptr || operand->use_count() > 1;
    if (operand->type().dims != dims || !kept) return false;
    ++whole;
  }
  return whole == 1;
}

// In execution order, to stand before the body.
std::vector<Node*> side_nodes(const std::vector<Node*>& body) {
  std::vector<Node*> found;
  const Dims& dims = body[0]->output()->type().dims;
  for (size_t i = 1; i < body.size(); ++i) {
    for (const Value* operand : body[i]->inputs()) {
      Node* producer = operand ? operand->producer() : nullptr;
      const bool inside = std::find(body.begin(), body.end(), producer) != body.end();
      if (producer && !inside && &producer->graph() == &body[i]->graph() && is_side_node(*producer, dims)) found.push_back(producer);
    }
  }
  return found;
}

bool fuse_root(Graph& graph, Node* root, Positions& positions) {
  std::vector<Node*> nodes = EpilogueGrower(root, positions).grow();
  Value* result = nodes.back()->output();
  const std::vector<Node*> sides = side_nodes(nodes);
  nodes.insert(nodes.begin(), sides.begin(), sides.end());
  std::vector<Node*> front;
  for (size_t i = 0; i < 2; ++i)
    if (Node* transpose = readable_transpose(*root, i); transpose && std::find(front.begin(), front.end(), transpose) == front.end())
      front.push_back(transpose);
  nodes.insert(nodes.begin(), front.begin(), front.end());
  if (nodes.size() == 1) return false;
  FusionCandidate candidate = fuse_body(nodes, {result});
  if (!contraction_view(*candidate.body)) return false;
  const size_t place = positions.of(*result->producer());
  positions.add(*replace_by_fused(graph, std::move(candidate), nodes, {result}, *result->producer()), place);
  return true;
}

bool run(Graph& graph) {
  std::vector<Node*> roots;  // fusing one erases no other
  for (const auto& node : graph.nodes())
    if (node->is("Conv") || node->is("ConvTranspose") || node->is("MatMul")) roots.push_back(node.get());
  bool changed = false;
  for (const auto& node : graph.nodes())
    if (is_control_flow(*node)) for_each_region(*node, [&](Graph& region) { changed |= run(region); });
  Positions positions(graph);
  for (Node* root : roots) changed |= fuse_root(graph, root, positions);
  return changed;
}

}  // namespace

Pass fuse_epilogues() {
  return {"fuse-epilogues", "Conv, ConvTranspose or MatMul and the element-wise operators on its result become one kernel.",
          [](Graph& graph, const Target&) { return run(graph); }, nullptr};
}

}  // namespace cnnc

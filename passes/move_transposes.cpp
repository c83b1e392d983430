// Chooses where Transposes stand, so that they move as few bytes as possible.
//
// For one permutation p at a time, each value of as many axes is either kept as it is or held
// transposed by p. Where the producer of a value and one of its users differ, a Transpose is
// needed, which costs the bytes of the value. Existing Transposes by p and by its inverse are free
// where both sides agree with them. The cheapest choice for the whole graph is a minimum cut, and
// it is made when it costs less than what there is. Pushing Transposes down, pulling them up,
// cancelling pairs and leaving them in front of what they cannot pass are all cases of it.
#include <algorithm>
#include <set>

#include "ir/op_def.h"
#include "passes/min_cut.h"
#include "passes/passes.h"
#include "passes/permuted_node.h"
#include "passes/regions.h"

namespace cnnc {
namespace {

// Sizes of symbols are unknown; this one stands for them where costs are compared.
constexpr int64_t kTypicalSize = 8;
// One byte counts more than all tie breaks of a usual cut.
constexpr int64_t kByteCost = 1 << 12;

int64_t typical_bytes(const Type& type) {
  std::map<std::string, int64_t> sizes;
  for (const Dim& d : type.dims)
    for (const std::string& symbol : d.symbols()) sizes[symbol] = kTypicalSize;
  constexpr int64_t kMost = int64_t{1} << 34;  // keeps sums of costs far from overflow
  int64_t bytes = static_cast<int64_t>(size_of(type.dtype));
  for (const Dim& d : type.dims)
    bytes = std::min(kMost, bytes * std::clamp<int64_t>(d.evaluate(sizes), 1, kMost));
  return bytes;
}

int64_t transpose_bytes(const Type& type, const Permutation& perm) {
  return keeps_element_order(type.dims, perm) ? 0 : typical_bytes(type);
}

class LayoutChoice {
 public:
  LayoutChoice(Graph& graph, Permutation perm)
      : graph_(graph), perm_(std::move(perm)), back_(inverse(perm_)) {
    for (const auto& node : graph.nodes()) add_vertex(*node);
    for (const auto& input : graph.inputs()) add_value(*input);
    for (const auto& node : graph.nodes())
      for (size_t i = 0; i < node->output_count(); ++i) add_value(*node->output(i));
  }

  // True when it changed something.
  bool apply() {
    if (vertices_.empty()) return false;
    const std::vector<bool> choice = cut_.sink_side();
    std::vector<bool> as_it_is(choice.size(), false);
    for (int vertex : held_already_) as_it_is[static_cast<size_t>(vertex)] = true;
    if (cut_.cost(choice) >= cut_.cost(as_it_is)) return false;
    std::vector<Node*> chosen;
    for (const auto& node : graph_.nodes())
      if (rules_.count(node.get()) && choice[static_cast<size_t>(vertices_.at(node.get()))])
        chosen.push_back(node.get());
    for (Node* node : chosen) rebuild(*node);
    return true;
  }

 private:
  bool has_axes(const Value& v) const { return v.rank() == static_cast<int>(perm_.size()); }

  // Of equally many bytes the later ones are cheaper: what follows a convolution should see its
  // results as they are.
  int64_t cost(int64_t bytes, int64_t position) const {
    const auto nodes = static_cast<int64_t>(graph_.nodes().size());
    return bytes * kByteCost + nodes - position;
  }

  void add_vertex(const Node& node) {
    positions_[&node] = static_cast<int64_t>(positions_.size()) + 1;
    if (node.is("Constant")) return;
    if (node.is("Transpose")) {
      // Merged with what comes after it, it makes either form of its result at the same cost.
      const Permutation own = permutation_of(node);
      if (own.size() == perm_.size() && own != perm_ && own != back_)
        vertices_[&node] = cut_.add_vertex();
      return;
    }
    auto rule = permuted_node(node, perm_);
    if (!rule) return;
    const int vertex = cut_.add_vertex();
    vertices_[&node] = vertex;
    cut_.add_edge(MinCut::kSource, vertex, own_cost(node, *rule));
    rules_.emplace(&node, std::move(*rule));
  }

  // Bytes moved for operands and results that are no vertices of this permutation.
  int64_t own_cost(const Node& node, const PermutedNode& rule) const {
    int64_t total = 0;
    for (size_t i : rule.transposed) {
      const Value& operand = *node.input(i);
      if (!has_axes(operand) && !operand.constant())
        total += cost(lifted_bytes(operand), positions_.at(&node));
    }
    for (size_t i = 0; i < node.output_count() && rule.result != perm_; ++i)
      if (!is_identity(rule.result) && node.output(i)->use_count() > 0)
        total += cost(transpose_bytes(permuted_type(*node.output(i), rule), inverse(rule.result)),
                      positions_.at(&node));
    return total;
  }

  static Type permuted_type(const Value& result, const PermutedNode& rule) {
    return {result.dtype(), permuted(result.type().dims, rule.result)};
  }

  int64_t lifted_bytes(const Value& operand) const {
    Type type = operand.type();
    type.dims.insert(type.dims.begin(), perm_.size() - type.dims.size(), 1);
    return transpose_bytes(type, perm_);
  }

  // Who decides in which form the value comes.
  int producer_vertex(const Value& value) const {
    const Node* node = value.producer();
    if (node == nullptr) return MinCut::kSource;
    if (node->is("Transpose") && permutation_of(*node) == back_) return MinCut::kSink;
    const auto rule = rules_.find(node);
    if (rule != rules_.end() && rule->second.result != perm_) return MinCut::kSource;
    const auto vertex = vertices_.find(node);
    return vertex == vertices_.end() ? MinCut::kSource : vertex->second;
  }

  // Who decides in which form it is needed; none when it does not matter.
  std::set<int> user_vertices(const Value& value) const {
    std::set<int> result;
    if (value.is_graph_output()) result.insert(MinCut::kSource);
    for (const auto& [node, count] : value.users()) {
      if (&node->graph() != &graph_)
        result.insert(MinCut::kSource);
      else if (node->is("Shape"))
        continue;
      else if (node->is("Transpose"))
        add_transpose_user(*node, result);
      else
        result.insert(operand_vertex(*node, value));
    }
    return result;
  }

  void add_transpose_user(const Node& transpose, std::set<int>& users) const {
    if (permutation_of(transpose) == perm_) users.insert(MinCut::kSink);
  }

  int operand_vertex(const Node& node, const Value& value) const {
    const auto rule = rules_.find(&node);
    if (rule == rules_.end()) return MinCut::kSource;
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      const auto& list = rule->second.transposed;
      if (node.input(i) == &value && std::find(list.begin(), list.end(), i) == list.end())
        return MinCut::kSource;
    }
    return vertices_.at(&node);
  }

  // Its bytes are paid once for each direction in which its producer and some user differ.
  void add_value(const Value& value) {
    if (!has_axes(value) || value.constant()) return;
    const std::set<int> users = user_vertices(value);
    if (users.empty()) return;
    const int producer = producer_vertex(value);
    const int64_t position = value.producer() ? positions_.at(value.producer()) : 0;
    const int forth = cut_.add_vertex(), back = cut_.add_vertex();
    cut_.add_edge(producer, forth, cost(transpose_bytes(value.type(), perm_), position));
    const Type held{value.dtype(), permuted(value.type().dims, perm_)};
    cut_.add_edge(back, producer, cost(transpose_bytes(held, back_), position));
    if (users.count(MinCut::kSink)) held_already_.push_back(forth);
    if (users == std::set<int>{MinCut::kSink}) held_already_.push_back(back);
    for (int user : users) {
      cut_.add_edge(forth, user, MinCut::kUnlimited);
      cut_.add_edge(user, back, MinCut::kUnlimited);
    }
  }

  // ---- the new graph

  void rebuild(Node& node) {
    const PermutedNode& rule = rules_.at(&node);
    const InsertBefore here(node);
    std::vector<Value*> operands = node.inputs();
    for (size_t i : rule.transposed) operands[i] = held(operands[i]);
    for (const auto& [i, tensor] : rule.replaced) {
      if (operands.size() <= i) operands.resize(i + 1, nullptr);
      operands[i] = graph_.constant(tensor);
    }
    Node* permuted_node =
        graph_.add(rule.op, operands, rule.attributes, static_cast<int>(node.output_count()));
    for (size_t i = 0; i < node.output_count(); ++i)
      if (node.output(i)->use_count() > 0)
        replace(*node.output(i), *permuted_node->output(i), rule.result);
    erase_if_dead(&node);
  }

  void replace(Value& old, Value& now, const Permutation& perm) {
    Value* same = transposed(graph_, &now, inverse(perm));
    CNNC_CHECK(same->type() == old.type())
        << "moving Transposes makes " << same->type() << " of " << old.type();
    if (!same->content() && old.content()) same->set_content(old.content());
    graph_.replace_uses(&old, same);
  }

  // The operand transposed by the permutation, with axes of size 1 in front of it as far as it
  // lacks axes.
  Value* held(Value* operand) {
    // Results of new Transposes come and go here, so nothing may be remembered by them.
    if (operand->producer() && operand->producer()->is("Transpose")) return make_held(operand);
    Value*& form = held_[operand];
    if (form == nullptr) form = make_held(operand);
    return form;
  }

  Value* make_held(Value* operand) {
    Dims lifted = operand->type().dims;
    const size_t lacking = perm_.size() - lifted.size();
    lifted.insert(lifted.begin(), lacking, 1);
    const Dims sizes = permuted(lifted, perm_);
    const bool in_order = keeps_element_order(lifted, perm_);
    if (in_order && sizes == lifted) return operand;
    if (lacking == 0) return transposed(graph_, operand, perm_);
    const auto view = in_order ? reshape_operand(operand->type().dims, sizes) : std::nullopt;
    if (view) return graph_.make("Reshape", {operand, graph_.constant(Tensor::ints(*view))});
    const Ints axes = identity_permutation(static_cast<int>(lacking));
    return transposed(
        graph_, graph_.make("Unsqueeze", {operand, graph_.constant(Tensor::ints(axes))}), perm_);
  }

  Graph& graph_;
  const Permutation perm_, back_;
  MinCut cut_;
  // On the sink's side when nothing changes.
  std::vector<int> held_already_{MinCut::kSink};
  std::map<const Node*, int64_t> positions_;
  std::map<const Node*, int> vertices_;
  std::map<const Node*, PermutedNode> rules_;
  std::map<Value*, Value*> held_;
};

// What the graph's Transposes do and undo.
std::set<Permutation> candidates(const Graph& graph) {
  std::set<Permutation> result;
  for (const auto& node : graph.nodes()) {
    if (!node->is("Transpose")) continue;
    const Permutation perm = permutation_of(*node);
    if (is_identity(perm)) continue;
    result.insert(perm);
    result.insert(inverse(perm));
  }
  return result;
}

bool move(Graph& graph) {
  bool changed = false;
  for (const auto& node : graph.nodes())
    for_each_region(*node, [&](Graph& region) { changed |= move(region); });
  for (const Permutation& perm : candidates(graph)) {
    if (!LayoutChoice(graph, perm).apply()) continue;
    apply_rewrites(graph, transpose_rewrites());
    changed = true;
  }
  return changed;
}

}  // namespace

Pass move_transposes() {
  return {"move-transposes",
          "Moves Transposes through operators to where they cancel or move the fewest bytes.",
          [](Graph& graph, const Target&) { return move(graph); }, nullptr};
}

}  // namespace cnnc

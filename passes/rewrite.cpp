#include "passes/rewrite.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "ir/error.h"
#include "ir/op_def.h"

namespace cnnc {

static bool is_dead(const Node& node) {
  if (!node.op().is_pure()) return false;
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i)->use_count() > 0) return false;
  return true;
}

void erase_if_dead(Node* node) {
  std::set<Node*> candidates{node};
  while (!candidates.empty()) {
    Node* candidate = candidates.extract(candidates.begin()).value();
    if (!is_dead(*candidate)) continue;
    Graph& graph = candidate->graph();
    for (Value* operand : candidate->inputs())
      if (operand && operand->producer() && &operand->graph() == &graph) candidates.insert(operand->producer());
    graph.erase(candidate);
  }
}

namespace {

class Driver {
 public:
  Driver(Graph& graph, const std::vector<Rewrite>& rewrites, const ExplainFn& explain)
      : graph_(graph), rewrites_(rewrites), explain_(explain) {
    for (const Rewrite& rewrite : rewrites)
      for (const std::string& op : rewrite.pattern.roots()) by_root_[op].push_back(&rewrite);
    constexpr int64_t kStepsPerNode = 32, kFewSteps = 1024;
    steps_left_ = kFewSteps + kStepsPerNode * static_cast<int64_t>(graph.nodes().size());
  }

  bool run() {
    bool changed = false;
    while (sweep()) changed = true;
    return changed;
  }

 private:
  bool sweep() {
    bool changed = false;
    for (auto it = graph_.nodes().begin(); it != graph_.nodes().end();) {
      Node& node = **it;
      changed |= regions(node);
      Match match;
      const Rewrite* fired = first_match(node, match);
      it = fired ? fire(*fired, match) : std::next(it);
      changed |= fired != nullptr;
    }
    return changed;
  }

  const Rewrite* first_match(Node& node, Match& match) const {
    const auto candidates = by_root_.find(node.op_name());
    if (candidates == by_root_.end()) return nullptr;
    for (const Rewrite* rewrite : candidates->second)
      if (matches(*rewrite, node, match)) return rewrite;
    return nullptr;
  }

  bool regions(Node& node) {
    bool changed = false;
    if (node.is("Fused")) return false;
    for (const auto& [name, attribute] : node.attributes())
      if (const auto* region = std::get_if<std::shared_ptr<Graph>>(&attribute))
        changed |= apply_rewrites(**region, rewrites_, explain_);
    return changed;
  }

  bool matches(const Rewrite& rewrite, Node& node, Match& match) const {
    // Nothing would change, and a node that stays for its other outputs would match for ever.
    if (node.output()->use_count() == 0) return false;
    std::string why_not;
    const bool matched = rewrite.pattern.match(node, match, explain_ ? &why_not : nullptr);
    if (explain_) explain_(rewrite, node, matched ? "" : why_not);
    return matched;
  }

  // Returns where to go on: at the first new node, or behind the root.
  NodeList::const_iterator fire(const Rewrite& rewrite, const Match& match) {
    CNNC_CHECK(steps_left_-- > 0) << "rewrites do not come to an end, the last is " << rewrite.name;
    Node& root = match.root();
    const bool first = root.position() == graph_.nodes().begin();
    const auto before = first ? root.position() : std::prev(root.position());
    const Replacement replacement = build(rewrite, match);
    CNNC_CHECK(replacement.values.size() <= root.output_count()) << rewrite.name << " gives too many values";
    const auto first_new = first ? graph_.nodes().begin() : NodeList::const_iterator(std::next(before));
    const bool builds = first_new->get() != &root;
    auto next = builds ? first_new : std::next(first_new);
    for (size_t i = 0; i < replacement.values.size(); ++i) replace(rewrite, root.output(i), replacement.values[i]);
    // Only the root and what comes before the new nodes can die here.
    erase_if_dead(&root);
    return next;
  }

  Replacement build(const Rewrite& rewrite, const Match& match) {
    Origins origins;
    for (const Node* node : match.nodes()) origins.join(node->origins());
    const InsertBefore here(match.root());
    graph_.set_current_origins(std::move(origins));
    try {
      return rewrite.replacement(match, graph_);
    } catch (Error& e) {
      e.while_doing(cat("applying rewrite ", rewrite.name, " at ", match.root().description()));
      throw;
    }
  }

  static void replace(const Rewrite& rewrite, Value* from, Value* to) {
    if (to == nullptr) {
      CNNC_CHECK(from->use_count() == 0) << rewrite.name << " gives no value for a used output";
      return;
    }
    CNNC_CHECK(from->type() == to->type()) << rewrite.name << " replaces " << from->type() << " by " << to->type();
    // Types of later nodes may rest on what was known of the old value.
    if (!to->content() && from->content()) to->set_content(from->content());
    from->graph().replace_uses(from, to);
  }

  Graph& graph_;
  const std::vector<Rewrite>& rewrites_;
  const ExplainFn& explain_;
  std::unordered_map<std::string, std::vector<const Rewrite*>> by_root_;  // in their order
  int64_t steps_left_;
};

}  // namespace

bool apply_rewrites(Graph& graph, const std::vector<Rewrite>& rewrites, const ExplainFn& explain) {
  return Driver(graph, rewrites, explain).run();
}

}  // namespace cnnc

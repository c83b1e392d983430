#include <unordered_map>

#include "ir/op_def.h"
#include "passes/passes.h"
#include "passes/regions.h"

namespace cnnc {
namespace {

// Nodes that differ in it differ; those that agree are compared. Big constants are not hashed: few have one type.
std::string key_of(const Node& node) {
  constexpr size_t kSmall = 1 << 16;
  std::string key = node.op_name();
  const auto append = [&](uint64_t n) { key.append(reinterpret_cast<const char*>(&n), sizeof n); };
  for (const Value* operand : node.inputs()) append(reinterpret_cast<uintptr_t>(operand));
  append(node.output_count());
  if (const Tensor* constant = node.output()->constant()) {
    key += type_of(*constant).str();
    if (constant->bytes() <= kSmall) append(constant->content_hash());
  }
  return key;
}

bool has_region(const Node& node) {
  bool found = false;
  for_each_region(node, [&](Graph&) { found = true; });
  return found;
}

bool same(const Node& a, const Node& b) {
  return &a.op() == &b.op() && a.inputs() == b.inputs() && a.output_count() == b.output_count() &&
         equal(a.attributes(), b.attributes());
}

bool merge_equal(Graph& graph) {
  std::unordered_map<std::string, std::vector<Node*>> seen;
  bool changed = false;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node* node = (it++)->get();
    for_each_region(*node, [&](Graph& region) { changed |= merge_equal(region); });
    // Equal regions could still differ in the outer values that they use.
    if (!node->op().is_pure() || has_region(*node)) continue;
    std::vector<Node*>& candidates = seen[key_of(*node)];
    Node* first = nullptr;
    for (Node* candidate : candidates)
      if (same(*candidate, *node)) first = candidate;
    if (first == nullptr) {
      candidates.push_back(node);
      continue;
    }
    for (size_t i = 0; i < node->output_count(); ++i) graph.replace_uses(node->output(i), first->output(i));
    first->add_origins(node->origins());
    graph.erase(node);
    changed = true;
  }
  return changed;
}

}  // namespace

Pass cse() {
  return {"cse", "Makes equal computations one.", [](Graph& graph, const Target&) { return merge_equal(graph); },
          nullptr};
}

}  // namespace cnnc

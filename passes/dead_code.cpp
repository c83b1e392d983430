#include "ir/op_def.h"
#include "passes/passes.h"
#include "passes/regions.h"

namespace cnnc {

static bool is_used(const Node& node) {
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i)->use_count() > 0) return true;
  return false;
}

// From the last node to the first, so that what only dead nodes use dies in the same walk.
static bool erase_dead(Graph& graph) {
  bool changed = false;
  for (auto it = graph.nodes().end(); it != graph.nodes().begin();) {
    Node* node = std::prev(it)->get();
    if (node->op().is_pure() && !is_used(*node)) {
      graph.erase(node);
      changed = true;
      continue;
    }
    for_each_region(*node, [&](Graph& region) { changed |= erase_dead(region); });
    --it;
  }
  return changed;
}

Pass eliminate_dead_code() {
  return {"eliminate-dead-code", "Removes nodes that nothing uses.",
          [](Graph& graph, const Target&) { return erase_dead(graph); }, nullptr};
}

}  // namespace cnnc

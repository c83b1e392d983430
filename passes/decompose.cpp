// Operators that no kernel computes whole become the graphs they stand for.
#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "passes/passes.h"
#include "passes/regions.h"

namespace cnnc {

namespace {

bool stays_whole(const Node& node) {
  if (!node.op().has_decomposition()) return true;
  // As a loop nest, a batch normalization would compute a square root for every element; its parts compute one for a channel.
  if (node.is("Gemm") || node.is("BatchNormalization") || node.is("NormalizeBatch")) return false;
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i)->use_count() > 0 && !loop_nest(node, static_cast<int>(i))) return false;
  return true;
}

// Operands that nothing else uses stay for eliminate-dead-code: the walk may stand on one.
void decompose_node(Node& node) {
  Graph& graph = node.graph();
  const InsertBefore here(node);
  const std::vector<Value*> parts = node.op().decomposition(node, graph);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i]->content() && node.output(i)->content()) parts[i]->set_content(node.output(i)->content());
    graph.replace_uses(node.output(i), parts[i]);
  }
  graph.erase(&node);
}

// Parts come before the node: going on at the first of them finds those that have to be decomposed themselves.
bool decompose_graph(Graph& graph) {
  bool changed = false;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node& node = **it;
    if (node.is("Fused")) {
      ++it;
      continue;
    }
    for_each_region(node, [&](Graph& region) { changed |= decompose_graph(region); });
    if (stays_whole(node)) {
      ++it;
      continue;
    }
    const bool first = it == graph.nodes().begin();
    const auto before = first ? it : std::prev(it);
    decompose_node(node);
    it = first ? graph.nodes().begin() : std::next(before);
    changed = true;
  }
  return changed;
}

}  // namespace

Pass decompose() {
  return {"decompose", "Operators that no kernel computes whole become the graphs they stand for.",
          [](Graph& graph, const Target&) { return decompose_graph(graph); }, nullptr, true};
}

}  // namespace cnnc

// Operators of many operands become trees of operators of few.
#include <algorithm>

#include "ir/op_def.h"
#include "passes/passes.h"
#include "passes/regions.h"

namespace cnnc {

namespace {

// One expression for each element holds them all; kernels, and recursions over expressions, stay small with so many.
constexpr size_t kMost = 64;

bool is_associative(const Node& node) {
  return node.is("Concat") || node.is("Sum") || node.is("Max") || node.is("Min");
}

Value* tree_of(Graph& graph, const std::string& op, std::vector<Value*> operands, const Attributes& attributes) {
  while (operands.size() > kMost) {
    std::vector<Value*> level;
    for (size_t first = 0; first < operands.size(); first += kMost) {
      const size_t count = std::min(kMost, operands.size() - first);
      const std::vector<Value*> part(operands.begin() + static_cast<long>(first),
                                     operands.begin() + static_cast<long>(first + count));
      level.push_back(count == 1 ? part[0] : graph.make(op, part, attributes));
    }
    operands = std::move(level);
  }
  return graph.make(op, operands, attributes);
}

void split(Node& node) {
  Graph& graph = node.graph();
  const InsertBefore here(node);
  Value* result = nullptr;
  if (is_associative(node)) {
    result = tree_of(graph, node.op_name(), node.inputs(), node.attributes());
  } else {
    Value* sum = tree_of(graph, "Sum", node.inputs(), {});
    const auto count = static_cast<double>(node.inputs().size());
    result = graph.make("Div", {sum, graph.constant(Tensor::scalar(sum->dtype(), count))});
  }
  graph.replace_uses(node.output(), result);
  graph.erase(&node);
}

bool run(Graph& graph) {
  bool changed = false;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node& node = **it++;
    for_each_region(node, [&](Graph& region) { changed |= run(region); });
    if (node.inputs().size() <= kMost || !(is_associative(node) || node.is("Mean"))) continue;
    split(node);
    changed = true;
  }
  return changed;
}

}  // namespace

Pass split_operands() {
  return {"split-operands", "Operators of many operands become trees of operators of few.",
          [](Graph& graph, const Target&) { return run(graph); }, nullptr, true};
}

}  // namespace cnnc

#include "ir/size_conditions.h"
#include "passes/passes.h"

namespace cnnc {

static bool keep(Graph& graph) {
  bool changed = false;
  for (const auto& node : graph.nodes())
    for (SizeCondition& condition : size_conditions(*node)) changed |= graph.add_condition(std::move(condition));
  return changed;
}

Pass keep_size_conditions() {
  return {"keep-size-conditions", "Writes down what the graph asks of its symbolic sizes, before nodes that imply it go.",
          [](Graph& graph, const Target&) { return keep(graph); }, nullptr, true};
}

}  // namespace cnnc

// Every operator that a Transpose can move through, on its own examples and under every
// permutation.
#include "passes/permuted_node.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ir/op_def.h"
#include "passes/passes.h"
#include "tests/support/examples.h"
#include "tests/support/fake_target.h"

namespace cnnc {
namespace {

// Operands come transposed from transposed values, and results go on transposed.
void surround(ExampleGraph& example, const PermutedNode& rule, const Permutation& perm) {
  Graph& graph = *example.graph;
  Node& node = *example.node;
  {
    const InsertBefore here(node);
    for (size_t i : rule.transposed) {
      if (node.input(i)->rank() != static_cast<int>(perm.size())) continue;
      Value* held = graph.make("Transpose", {node.input(i)}, {{"perm", perm}});
      node.set_input(i, graph.make("Transpose", {held}, {{"perm", inverse(perm)}}));
    }
  }
  graph.append_at_end();
  for (size_t i = 0; i < graph.outputs().size(); ++i)
    if (graph.outputs()[i]->rank() == static_cast<int>(perm.size()))
      graph.set_output(i, graph.make("Transpose", {graph.outputs()[i]}, {{"perm", perm}}));
}

// Whether there is a rule.
bool check_example(const OpDef& op, const Example& example, const Permutation& perm) {
  constexpr double kUnits = 64;  // sums run in another order
  ExampleGraph built = example_graph(op, example);
  const auto rule = permuted_node(*built.node, perm);
  if (!rule) return false;
  surround(built, *rule, perm);
  const std::vector<Tensor> expected = interpret(*built.graph, built.inputs);
  const bool same_axes = rule->result == perm && !rule->transposed.empty();
  EXPECT_TRUE(move_transposes().run(*built.graph, FakeTarget()) || !same_axes);
  verify(*built.graph);
  const std::vector<Tensor> actual = interpret(*built.graph, built.inputs);
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(difference(expected[i], actual[i], kUnits), "") << "output " << i << "\n"
                                                              << print(*built.graph);
  return true;
}

TEST(PermutedNode, ComputesTheSameOnEveryExample) {
  int checked = 0;
  for (const OpDef* op : all_ops()) {
    if (!op->is_pure()) continue;
    for (const Example& example : op->examples()) {
      SCOPED_TRACE(op->name());
      const ExampleGraph built = example_graph(*op, example);
      const Value* result = built.node->output();
      const Value* data = built.node->input(0);
      for (int rank : {data ? data->rank() : 0, result->rank()}) {
        if (rank < 2 || rank > 4) continue;
        Permutation perm = identity_permutation(rank);
        while (std::next_permutation(perm.begin(), perm.end()))
          checked += check_example(*op, example, perm);
      }
    }
  }
  EXPECT_GT(checked, 1000);
}

}  // namespace
}  // namespace cnnc

// Reductions become the loop nests that code generation is built for.
#include <gtest/gtest.h>

#include "ir/loop_nest.h"
#include "ir/op_def.h"

namespace cnnc {
namespace {

TEST(ReductionNest, LogSumExpIsOneNestOfTwoStages) {
  Graph graph;
  Value* x = graph.add_input({DType::f32, {Dim::symbol("batch"), 10}});
  Value* y = graph.make("ReduceLogSumExp", {x, graph.constant(Tensor::ints({1}))});
  std::string why_not;
  const std::optional<LoopNest> nest = loop_nest(*y->producer(), 0, &why_not);
  ASSERT_TRUE(nest) << why_not;
  EXPECT_EQ(nest->stages.size(), 2u);
}

TEST(ReductionNest, SubtractingTheMeanKeepsRows) {
  Graph graph;
  Value* x = graph.add_input({DType::f32, {4, 10}});
  Value* mean = graph.make("ReduceMean", {x, graph.constant(Tensor::ints({-1}))});
  graph.add_output(graph.make("Sub", {x, mean}));
  std::string why_not;
  const std::optional<LoopNest> nest = loop_nest(graph, &why_not);
  ASSERT_TRUE(nest) << why_not;
  EXPECT_TRUE(nest->rows);
  EXPECT_EQ(nest->inner, std::vector<int>{1});
}

}  // namespace
}  // namespace cnnc

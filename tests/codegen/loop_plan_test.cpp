// Which loop a nest is vectorised along, and which loops become one.
#include "codegen/loop_plan.h"

#include <gtest/gtest.h>

#include "ir/error.h"
#include "ir/text.h"

namespace cnnc::codegen {
namespace {

LoopPlan plan(const char* text, int lanes = 16) {
  const auto graph = parse_graph(text);
  const Node& node = *graph->outputs()[0]->producer();
  const auto nest = loop_nest(node);
  const auto strides = [&](int i) { return dense_strides(node.input(static_cast<size_t>(i))->type().dims); };
  return plan_loops(*nest, strides, lanes);
}

// Rows are looked up, their elements are neighbours.
TEST(LoopPlan, IsAlongWhatIsContiguousInRowsThatAreLookedUp) {
  const LoopPlan p = plan(R"(graph @main(%x: f32[4,64,8], %starts: i64[32], %w: f32[32,4]) -> f32[4,32,8] {
  %0 = BandedProduct(%x, %starts, %w) {axis = 1} : f32[4,32,8]
  return %0
})");
  EXPECT_FALSE(p.horizontal);
  EXPECT_EQ(p.loops[static_cast<size_t>(p.vector_loop)], Dim(8));
}

TEST(LoopPlan, JoinsAxesBehindOneThatIsLookedUp) {
  const LoopPlan p = plan(R"(graph @main(%x: f32[64,4,8], %starts: i64[32], %w: f32[32,4]) -> f32[32,4,8] {
  %0 = BandedProduct(%x, %starts, %w) {axis = 0} : f32[32,4,8]
  return %0
})");
  EXPECT_EQ(p.loops.size(), 3U);
  EXPECT_EQ(p.loops[static_cast<size_t>(p.vector_loop)], Dim(32));
}

TEST(LoopPlan, KeepsApartAnAxisThatIsLookedUp) {
  const LoopPlan p = plan(R"(graph @main(%x: f32[3,64,4], %starts: i64[32], %w: f32[32,4]) -> f32[3,32,4] {
  %0 = BandedProduct(%x, %starts, %w) {axis = 1} : f32[3,32,4]
  return %0
})");
  EXPECT_EQ(p.loops.size(), 4U);
}

}  // namespace
}  // namespace cnnc::codegen

// What nodes are said to compute.
#include "codegen/cost.h"

#include <gtest/gtest.h>

#include "ir/graph.h"

namespace cnnc::codegen {
namespace {

// Of the last node.
int64_t flops(const char* text) { return flops_of(*parse_graph(text)->nodes().back()).value(); }

TEST(Cost, OfElementWiseNodesIsWhatAnElementTakes) {
  EXPECT_EQ(flops(R"(graph @main(%x: f32[10], %y: f32[10]) -> f32[10] {
  %0 = Add(%x, %y) : f32[10]
  return %0
})"), 10);
  EXPECT_GT(flops(R"(graph @main(%x: f32[10]) -> f32[10] {
  %0 = Tanh(%x) : f32[10]
  return %0
})"), 100);
  EXPECT_GT(flops(R"(graph @main(%x: f32[10], %step: i64[]) -> f32[10] {
  %0 = PhiloxUniform(%x, %step) {seed = 0, stream = 0} : f32[10]
  return %0
})"), 500);
}

TEST(Cost, OfMovementIsOneForEachElement) {
  EXPECT_EQ(flops(R"(graph @main(%x: f32[2,5]) -> f32[5,2] {
  %0 = Transpose(%x) {perm = [1,0]} : f32[5,2]
  return %0
})"), 10);
}

TEST(Cost, OfAProductIsCountedForOneOfItsResults) {
  EXPECT_EQ(flops(R"(graph @main(%x: f32[2,5], %y: f32[5,3]) -> f32[2,3], f32[2,3] {
  %0, %1 = Fused(%x, %y) {body = graph @body(%2: f32[2,5], %3: f32[5,3]) -> f32[2,3], f32[2,3] {
    %4 = MatMul(%2, %3) : f32[2,3]
    %5 = Neg(%4) : f32[2,3]
    return %4, %5
  }} : f32[2,3], f32[2,3]
  return %0, %1
})"), 2 * 2 * 3 * 5 + 2 * 3);
}

}  // namespace
}  // namespace cnnc::codegen

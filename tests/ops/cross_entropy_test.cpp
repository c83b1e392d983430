// Cross-entropy of logits of any size, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ir/loop_nest.h"
#include "tests/support/one_node.h"

namespace cnnc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Tensor classes(const std::vector<int32_t>& numbers) {
  return Tensor::of<int32_t>(DType::i32, {static_cast<int64_t>(numbers.size()), 1}, numbers);
}

TEST(SoftmaxCrossEntropy, IsFiniteForLogitsOfAnySize) {
  const Tensor logits = f32_tensor({3, 2}, {1e4f, -1e4f, 1e4f, -1e4f, 1e38f, 0});
  EXPECT_THAT(floats_of(run_op("SoftmaxCrossEntropy", {logits, classes({0, 1, 0})})[0]), ElementsAre(0, 2e4f, 0));
  const Tensor dy = f32_tensor({3, 1}, {1, 1, 1});
  EXPECT_THAT(floats_of(run_op("SoftmaxCrossEntropyGradient", {logits, classes({0, 1, 0}), dy})[0]),
              ElementsAre(0, 0, 1, -1, 0, 0));
}

TEST(SoftmaxCrossEntropy, TakesLogitsOfClassesThatCannotBe) {
  const Tensor logits = f32_tensor({1, 3}, {-INFINITY, 0, 0});
  const float expected = std::log(2.0f);
  EXPECT_THAT(floats_of(run_op("SoftmaxCrossEntropy", {logits, classes({1})})[0]), ElementsAre(testing::FloatEq(expected)));
  const Tensor dy = f32_tensor({1, 1}, {1});
  EXPECT_THAT(floats_of(run_op("SoftmaxCrossEntropyGradient", {logits, classes({1}), dy})[0]), ElementsAre(0, -0.5f, 0.5f));
}

TEST(SoftmaxCrossEntropy, IsOneLoopNestAsIsItsGradient) {
  for (const DType target : {DType::i32, DType::f32}) {
    Graph graph;
    const Dim n = Dim::symbol("n");
    Value* logits = graph.add_input({DType::f32, {n, 7}});
    Value* labels = graph.add_input({target, {n, target == DType::i32 ? Dim(1) : Dim(7)}});
    Value* dy = graph.add_input({DType::f32, {n, 1}});
    std::string why_not;
    EXPECT_TRUE(loop_nest(*graph.add("SoftmaxCrossEntropy", {logits, labels}), 0, &why_not)) << why_not;
    EXPECT_TRUE(loop_nest(*graph.add("SoftmaxCrossEntropyGradient", {logits, labels, dy}), 0, &why_not)) << why_not;
  }
}

TEST(SoftmaxCrossEntropy, SaysWhatDoesNotFit) {
  EXPECT_THAT(fault_of("SoftmaxCrossEntropy", {{"n", "5"}, {"n", "4"}}),
              HasSubstr("the target is f32[n,4], need f32[n,5] for logits f32[n,5]"));
  EXPECT_THAT(fault_of("SoftmaxCrossEntropyGradient", {{"n", "5"}, {"n", "5"}, {"n", "5"}}),
              HasSubstr("the gradient is f32[n,5], need f32[n,1]"));
  EXPECT_THAT(fault_of("SoftmaxCrossEntropy", {{"n", "k"}, {"n", "k"}}, {{"label_smoothing", 0.5}}),
              HasSubstr("axis 1 is k"));
}

}  // namespace
}  // namespace cnnc

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ir/loop_nest.h"
#include "tests/support/examples.h"
#include "tests/support/one_node.h"

namespace cnnc {
namespace {

using testing::HasSubstr;
using testing::Pointwise;

auto near(const std::vector<float>& expected) {
  return Pointwise(testing::FloatNear(1e-6f), expected);
}

TEST(MatMul, FollowsTheRulesForVectors) {
  EXPECT_EQ(inferred("MatMul", {{"k"}, {"n", "k", "5"}}), "f32[n,5]");
  EXPECT_EQ(inferred("MatMul", {{"n", "4", "k"}, {"k"}}), "f32[n,4]");
  EXPECT_EQ(inferred("MatMul", {{"n", "1", "4", "3"}, {"7", "3", "2"}}), "f32[n,7,4,2]");
  EXPECT_THAT(
      fault_of("MatMul", {{"2", "3"}, {"4", "5"}}),
      HasSubstr("the last axis of A f32[2,3] is 3 but the matching axis of B f32[4,5] is 4"));
  EXPECT_THAT(fault_of("MatMul", {{}, {"4", "5"}}), HasSubstr("A has no axes"));
  EXPECT_THAT(fault_of("MatMul", {{"2", "3", "4"}, {"5", "4", "6"}}),
              HasSubstr("do not broadcast"));
}

TEST(Gemm, SaysThatTheBiasDoesNotBroadcast) {
  EXPECT_EQ(inferred("Gemm", {{"n", "3"}, {"3", "4"}, {"4"}}), "f32[n,4]");
  EXPECT_THAT(fault_of("Gemm", {{"2", "3"}, {"3", "4"}, {"3"}}),
              HasSubstr("C f32[3] does not broadcast to [2,4]"));
  EXPECT_THAT(fault_of("Gemm", {{"2", "3", "1"}, {"3", "4"}}), HasSubstr("need 2 axes each"));
}

TEST(LayerNormalization, NormalisesRows) {
  const auto y = run_op("LayerNormalization",
                        {f32_tensor({2, 4}, {1, 2, 3, 6, 0, 0, 4, 4}),
                         f32_tensor({4}, {1, 2, 1, 1}), f32_tensor({4}, {0, 1, 0, 0})},
                        {{"epsilon", 0.0}});
  EXPECT_THAT(floats_of(y[0]), near({-1.0690449f, -0.0690449f, 0, 1.6035674f, -1, -1, 1, 1}));
}

TEST(LRN, SumsOverNeighbouringChannels) {
  const auto y = run_op("LRN", {counting({1, 4, 1, 1})},
                        {{"size", int64_t{3}}, {"alpha", 3.0}, {"beta", 1.0}});
  EXPECT_THAT(floats_of(y[0]), near({1 / 6.0f, 2 / 15.0f, 0.1f, 4 / 26.0f}));
}

TEST(Softmax, SurvivesLargeNumbers) {
  const auto y = run_op("Softmax", {f32_tensor({1, 3}, {1000, 1000, -1000})});
  EXPECT_THAT(floats_of(y[0]), near({0.5f, 0.5f, 0}));
}

TEST(Softmax, WorkedOnAMatrixBeforeOpset13) {
  Graph graph;
  Value* x = graph.add_input({DType::f32, {1, 2, 2}});
  OnnxNode old{"Softmax", {x}, {}, 1, 11, graph};
  for (const auto& [last, upgrade] : op_named("Softmax").upgrades()) upgrade(old);
  graph.add_output(graph.make(old.op, old.inputs, old.attributes));
  const auto y = interpret(graph, {counting({1, 2, 2})});
  EXPECT_EQ(y[0].shape(), (Shape{1, 2, 2}));
  EXPECT_THAT(floats_of(y[0]), near({0.0320586f, 0.0871443f, 0.2368828f, 0.6439143f}));
}

TEST(Softmax, StaysWholeWhenAllLaterAxesHaveOneElement) {
  Graph graph;
  OnnxNode old{"Softmax", {graph.add_input({DType::f32, {Dim::symbol("n"), 10, 1, 1}})}, {}, 1, 11,
               graph};
  for (const auto& [last, upgrade] : op_named("Softmax").upgrades()) upgrade(old);
  EXPECT_EQ(old.op, "Softmax");
  EXPECT_EQ(std::get<int64_t>(old.attributes.at("axis")), 1);
}

// One pass over memory needs one nest: see ir/loop_nest.h.
TEST(RowOperators, AreOneLoopNest) {
  const auto stages = [](const char* op, const std::vector<Type>& operands,
                         Attributes attributes = {}) {
    Graph graph;
    std::vector<Value*> inputs;
    for (const Type& type : operands) inputs.push_back(graph.add_input(type));
    std::string why_not;
    const auto nest = loop_nest(*graph.add(op, inputs, std::move(attributes), 1), 0, &why_not);
    EXPECT_TRUE(nest && nest->rows) << op << ": " << why_not;
    return nest ? nest->stages.size() : 0;
  };
  const Dim n = Dim::symbol("n");
  const Type matrix{DType::f32, {n, 7}}, row{DType::f32, {7}}, image{DType::f32, {n, 3, 5, 5}},
      channels{DType::f32, {3}};
  EXPECT_EQ(stages("Softmax", {matrix}), 2u);
  EXPECT_EQ(stages("LogSoftmax", {image}, {{"axis", int64_t{1}}}), 2u);
  EXPECT_EQ(stages("LayerNormalization", {matrix, row, row}), 2u);
  EXPECT_EQ(stages("LayerNormalization", {{DType::f16, {n, 7}}, {DType::f16, {7}}}), 2u);
  EXPECT_EQ(stages("RMSNormalization", {matrix, row}), 1u);
  EXPECT_EQ(stages("InstanceNormalization", {image, channels, channels}), 2u);
}

TEST(BatchNormalization, SaysWhatDoesNotFit) {
  EXPECT_EQ(inferred("BatchNormalization", {{"n", "3", "h", "w"}, {"3"}, {"3"}, {"3"}, {"3"}}),
            "f32[n,3,h,w]");
  EXPECT_THAT(fault_of("BatchNormalization", {{"1", "3", "4", "4"}, {"3"}, {"2"}, {"3"}, {"3"}}),
              HasSubstr("the size of B is 2 but the number of channels is 3"));
}

// Sums of f32 lose what is small beside the mean.
TEST(BatchNormalization, FindsTheStatisticsOfNumbersFarFromZero) {
  constexpr int64_t kCount = 1 << 14;
  const Tensor noise = random_tensor(DType::f32, {kCount, 1}, -0.05, 0.05, 3);
  Tensor x(DType::f32, {kCount, 1});
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < kCount; ++i) x.set_double(i, 100.3 + noise.as_double(i));
  for (int64_t i = 0; i < kCount; ++i) sum += x.as_double(i);
  for (int64_t i = 0; i < kCount; ++i) squares += std::pow(x.as_double(i) - sum / kCount, 2);
  const Tensor zero = f32_tensor({1}, {0}), one = f32_tensor({1}, {1});
  const auto y = run_op("BatchNormalization", {x, one, zero, zero, zero}, {{"training_mode", int64_t{1}}, {"momentum", 0.0}}, 3);
  EXPECT_NEAR(y[1].as_double(0), sum / kCount, 1e-5);
  EXPECT_NEAR(y[2].as_double(0), squares / kCount, 1e-6);
}

}  // namespace
}  // namespace cnnc

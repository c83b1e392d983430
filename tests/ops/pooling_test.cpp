#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/one_node.h"

namespace cnnc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<int64_t> ints_of(const Tensor& t) {
  return {t.data<int64_t>(), t.data<int64_t>() + t.size()};
}

TEST(MaxPool, CountsIndicesInColumnMajorOrder) {
  const auto y = run_op(
      "MaxPool", {counting({1, 1, 5, 5})},
      {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{3, 3}}, {"storage_order", int64_t{1}}}, 2);
  EXPECT_THAT(floats_of(y[0]), ElementsAre(7, 10, 22, 25));
  EXPECT_THAT(ints_of(y[1]), ElementsAre(6, 21, 9, 24));
}

TEST(MaxPool, OverrunsTheEndWithCeilMode) {
  const auto y = run_op("MaxPool", {counting({1, 1, 5, 5})},
                        {{"kernel_shape", Ints{2, 3}},
                         {"strides", Ints{2, 2}},
                         {"ceil_mode", int64_t{1}},
                         {"pads", Ints{0, 1, 0, 1}}},
                        2);
  EXPECT_EQ(y[0].shape(), (Shape{1, 1, 3, 3}));
  EXPECT_THAT(floats_of(y[0]), ElementsAre(7, 9, 10, 17, 19, 20, 22, 24, 25));
  EXPECT_THAT(ints_of(y[1]), ElementsAre(6, 8, 9, 16, 18, 19, 21, 23, 24));
}

TEST(MaxPool, FindsANanAndItsPlace) {
  const auto y = run_op("MaxPool", {f32_tensor({1, 1, 4}, {1, NAN, 5, -INFINITY})},
                        {{"kernel_shape", Ints{2}}}, 2);
  EXPECT_TRUE(std::isnan(floats_of(y[0])[0]) && std::isnan(floats_of(y[0])[1]));
  EXPECT_EQ(floats_of(y[0])[2], 5);
  EXPECT_THAT(ints_of(y[1]), ElementsAre(1, 1, 2));
}

TEST(AveragePool, IgnoresWindowsThatStartInThePaddingAtTheEnd) {
  Attributes attributes{{"kernel_shape", Ints{3, 3}},
                        {"strides", Ints{3, 3}},
                        {"pads", Ints{1, 1, 1, 1}},
                        {"ceil_mode", int64_t{1}}};
  auto y = run_op("AveragePool", {counting({1, 1, 5, 5})}, attributes);
  EXPECT_EQ(y[0].shape(), (Shape{1, 1, 2, 2}));
  EXPECT_THAT(floats_of(y[0]), ElementsAre(4, 6.5f, 16.5f, 19));
  attributes["count_include_pad"] = int64_t{1};
  y = run_op("AveragePool", {counting({1, 1, 5, 5})}, attributes);
  EXPECT_THAT(floats_of(y[0]), ElementsAre(16.0f / 9, 39.0f / 9, 11, 19));
}

TEST(AveragePool, CountsOnlyThePaddingOfAnOverrunningWindow) {
  // The second window has one element, one of padding and one place beyond it.
  const auto y = run_op("AveragePool", {counting({1, 1, 4})},
                        {{"kernel_shape", Ints{3}},
                         {"strides", Ints{3}},
                         {"pads", Ints{0, 1}},
                         {"ceil_mode", int64_t{1}},
                         {"count_include_pad", int64_t{1}}});
  EXPECT_THAT(floats_of(y[0]), ElementsAre(2, 2));
}

TEST(LpPool, SumsSizes) {
  const auto y = run_op("LpPool", {counting({1, 1, 5, 5})},
                        {{"kernel_shape", Ints{1, 2}}, {"strides", Ints{2, 3}}, {"p", int64_t{1}}});
  EXPECT_THAT(floats_of(y[0]), ElementsAre(3, 9, 23, 29, 43, 49));
}

TEST(Pools, KeepSymbolicSizes) {
  EXPECT_EQ(inferred("MaxPool", {{"n", "c", "h", "w"}},
                     {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}}),
            "f32[n,c,h,w]");
  EXPECT_EQ(inferred("GlobalAveragePool", {{"n", "c", "h", "w"}}), "f32[n,c,1,1]");
  EXPECT_EQ(inferred("GlobalAveragePool", {{"n", "h", "w", "c"}}, {{"channels_last", int64_t{1}}}),
            "f32[n,1,1,c]");
}

TEST(Pools, SayWhatDoesNotFit) {
  EXPECT_THAT(fault_of("MaxPool", {{"1", "3", "8", "8"}}, {{"kernel_shape", Ints{2}}}),
              HasSubstr("kernel_shape has 1 numbers, need 2"));
  EXPECT_THAT(fault_of("AveragePool", {{"8", "8"}}, {{"kernel_shape", Ints{2}}}),
              HasSubstr("has 2 axes, need batch"));
  EXPECT_THAT(fault_of("MaxPool", {{"1", "3", "8"}}),
              HasSubstr("attribute 'kernel_shape' is missing"));
  EXPECT_THAT(fault_of("LpPool", {{"1", "3", "8"}}, {{"kernel_shape", Ints{2}}, {"p", int64_t{0}}}),
              HasSubstr("p is 0, need a positive number"));
}

}  // namespace
}  // namespace cnnc

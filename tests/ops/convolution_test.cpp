#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/one_node.h"

namespace cnnc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kSameUpper = "SAME_UPPER", kSameLower = "SAME_LOWER";
const Tensor kWeights = f32_tensor({1, 1, 2, 2}, {1, 2, 3, -1});

TEST(Conv, PadsTheEndFirstWithSameUpper) {
  const auto y = run_op("Conv", {counting({1, 1, 5, 5}), kWeights},
                        {{"auto_pad", kSameUpper}, {"strides", Ints{2, 2}}});
  EXPECT_EQ(y[0].shape(), (Shape{1, 1, 3, 3}));
  EXPECT_THAT(floats_of(y[0]), ElementsAre(16, 26, 35, 66, 76, 75, 65, 71, 25));
}

TEST(Conv, PadsTheBeginningFirstWithSameLower) {
  const auto y = run_op("Conv", {counting({1, 1, 5, 5}), kWeights},
                        {{"auto_pad", kSameLower}, {"strides", Ints{2, 2}}});
  EXPECT_THAT(floats_of(y[0]), ElementsAre(-1, 3, 7, 1, 46, 56, 11, 96, 106));
}

TEST(Conv, TakesUnequalPadsStridesAndDilations) {
  const auto y =
      run_op("Conv", {counting({1, 1, 5, 5}), kWeights},
             {{"pads", Ints{1, 0, 0, 1}}, {"strides", Ints{3, 2}}, {"dilations", Ints{2, 1}}});
  EXPECT_EQ(y[0].shape(), (Shape{1, 1, 2, 3}));
  EXPECT_THAT(floats_of(y[0]), ElementsAre(11, 15, 30, 76, 86, 90));
}

TEST(Conv, KeepsSymbolicSizes) {
  const Attributes padded{{"pads", Ints{1, 1, 1, 1}}};
  EXPECT_EQ(inferred("Conv", {{"batch", "3", "h", "w"}, {"8", "3", "3", "3"}}, padded),
            "f32[batch,8,h,w]");
  EXPECT_EQ(inferred("Conv", {{"batch", "3", "h"}, {"8", "3", "3"}}), "f32[batch,8,h - 2]");
  EXPECT_EQ(inferred("Conv", {{"batch", "h", "w", "3"}, {"8", "3", "1", "1"}},
                     {{"channels_last", int64_t{1}}}),
            "f32[batch,h,w,8]");
}

TEST(Conv, SaysWhatDoesNotFit) {
  EXPECT_THAT(fault_of("Conv", {{"1", "3", "8", "8"}, {"4", "2", "3", "3"}}),
              HasSubstr("the number of input channels is 3 but the number that weights "
                        "f32[4,2,3,3] in 1 groups take is 2"));
  EXPECT_THAT(fault_of("Conv", {{"1", "3", "8", "8"}, {"4", "3", "3"}}),
              HasSubstr("have 3 axes, need 4"));
  EXPECT_THAT(fault_of("Conv", {{"1", "3", "2", "8"}, {"4", "3", "3", "3"}}),
              HasSubstr("a window of 3 elements does not fit 2 elements"));
  EXPECT_THAT(
      fault_of("Conv", {{"1", "3", "8", "8"}, {"4", "3", "3", "3"}}, {{"pads", Ints{1, 1}}}),
      HasSubstr("pads has 2 numbers, need 4"));
  EXPECT_THAT(
      fault_of("Conv", {{"1", "3", "8", "8"}, {"4", "3", "3", "3"}}, {{"strides", Ints{0, 1}}}),
      HasSubstr("strides holds 0, need positive numbers"));
  EXPECT_THAT(
      fault_of("Conv", {{"1", "3", "8", "8"}, {"4", "1", "3", "3"}}, {{"group", int64_t{3}}}),
      HasSubstr("4 channels do not divide into 3 groups"));
  EXPECT_THAT(fault_of("Conv", {{"1", "3", "8", "8"}, {"4", "3", "3", "3"}, {"5"}}),
              HasSubstr("the bias's size is 5 but the number of output channels is 4"));
  EXPECT_THAT(fault_of("Conv", {{"1", "3", "8", "8"}, {"4", "3", "3", "3"}},
                       {{"auto_pad", std::string("BOTH")}}),
              HasSubstr("auto_pad is 'BOTH', need NOTSET"));
  EXPECT_THAT(fault_of("Conv", {{"1", "c", "8", "8"}, {"4", "3", "3", "3"}}), HasSubstr("--dim"));
}

TEST(Conv, ComputesTheSameFromPackedWeights) {
  const Tensor x = counting({1, 5, 5, 4}), weights = counting({6, 2, 3, 3});
  const Attributes attributes{
      {"group", int64_t{2}}, {"channels_last", int64_t{1}}, {"pads", Ints{1, 1, 1, 1}}};
  const Tensor packed =
      run_op("PackPanels", {weights}, {{"nr", int64_t{2}}, {"group", int64_t{2}}})[0];
  EXPECT_EQ(packed.shape(), (Shape{2, 2, 9, 2, 2}));
  Attributes with_shape = attributes;
  with_shape["weight_shape"] = Ints{6, 2, 3, 3};
  EXPECT_EQ(floats_of(run_op("Conv", {x, weights}, attributes)[0]),
            floats_of(run_op("Conv", {x, packed}, with_shape)[0]));
}

TEST(PackPanels, FillsTheLastPanelWithZeros) {
  const auto packed = run_op("PackPanels", {counting({3, 1, 2})}, {{"nr", int64_t{2}}});
  EXPECT_EQ(packed[0].shape(), (Shape{1, 2, 2, 1, 2}));
  EXPECT_THAT(floats_of(packed[0]), ElementsAre(1, 3, 2, 4, 5, 0, 6, 0));
}

TEST(ConvTranspose, AddsOutputPaddingAtTheEnd) {
  const auto y = run_op("ConvTranspose", {counting({1, 1, 2, 2}), kWeights},
                        {{"strides", Ints{2, 1}}, {"output_padding", Ints{1, 0}}});
  EXPECT_EQ(y[0].shape(), (Shape{1, 1, 5, 3}));
  EXPECT_THAT(floats_of(y[0]), ElementsAre(1, 4, 4, 3, 5, -2, 3, 10, 8, 9, 9, -4, 0, 0, 0));
}

TEST(ConvTranspose, CutsTheBeginningFirstToGivenSizes) {
  const auto y = run_op("ConvTranspose", {counting({1, 1, 2, 2}), kWeights},
                        {{"strides", Ints{2, 2}}, {"output_shape", Ints{3, 3}}});
  EXPECT_THAT(floats_of(y[0]), ElementsAre(-1, 6, -2, 6, 4, 8, -3, 12, -4));
}

TEST(ConvTranspose, CutsTheEndWithSameUpper) {
  const auto y =
      run_op("ConvTranspose", {counting({1, 1, 2, 2}), kWeights},
             {{"strides", Ints{2, 2}}, {"auto_pad", kSameUpper}, {"dilations", Ints{2, 2}}});
  EXPECT_THAT(floats_of(y[0]), ElementsAre(1, 0, 4, 0, 0, 0, 0, 0, 6, 0, 15, 0, 0, 0, 0, 0));
}

TEST(ConvTranspose, KeepsSymbolicSizes) {
  EXPECT_EQ(inferred("ConvTranspose", {{"n", "4", "h"}, {"4", "3", "2"}},
                     {{"strides", Ints{2}}, {"group", int64_t{2}}}),
            "f32[n,6,h*2]");
}

}  // namespace
}  // namespace cnnc

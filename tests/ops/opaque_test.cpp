// Strings and complex numbers where an operator cannot have them: one clear message each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/error.h"
#include "tests/support/one_node.h"

namespace cnnc {
namespace {

using testing::HasSubstr;

std::string fault(const char* op, const std::vector<Tensor>& operands, Attributes attributes = {}) {
  try {
    run_op(op, operands, std::move(attributes));
    return "";
  } catch (const Error& e) {
    return e.message();
  }
}

const Tensor kTexts = Tensor::strings({2}, {"1", "cow"});

TEST(Opaque, OperatorsThatComputeRefuseThem) {
  EXPECT_THAT(fault("Relu", {kTexts}), HasSubstr("is string, which this operator does not take"));
  EXPECT_THAT(fault("Less", {kTexts, kTexts}), HasSubstr("is string, which this operator does not take"));
  EXPECT_THAT(fault("Resize", {kTexts}, {{"scales", Floats{2}}, {"mode", std::string("linear")}}),
              HasSubstr("mode linear computes, and string is only moved; need mode nearest"));
  EXPECT_THAT(fault("Upsample", {Tensor(DType::c64, {2})}, {{"scales", Floats{2}}, {"mode", std::string("linear")}}),
              HasSubstr("mode linear computes, and c64 is only moved"));
}

TEST(Opaque, RulesThatMakeNumbersMakeNoOthers) {
  EXPECT_THAT(fault("ConstantOfShape", {Tensor::ints({2})}, {{"value", Tensor::strings({1}, {"a"})}}),
              HasSubstr("value is string[1], need one element, a number or bool"));
  EXPECT_THAT(fault("EyeLike", {f32_tensor({2, 2}, {0, 0, 0, 0})}, {{"dtype", DType::c128}}),
              HasSubstr("dtype is c128, need a float, integer or bool type"));
  EXPECT_THAT(fault("Cast", {f32_tensor({1}, {0})}, {{"to", DType::string}}), HasSubstr("FormatNumbers makes strings"));
}

TEST(Opaque, ATextThatIsNoNumberIsNamed) {
  EXPECT_THAT(fault("ParseNumbers", {kTexts}, {{"to", DType::f32}}), HasSubstr("element 1 is 'cow', which is no number"));
}

}  // namespace
}  // namespace cnnc

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "ir/scalar_eval.h"

namespace cnnc {
namespace {

// The value of an expression of param(0), param(1) ... for given numbers.
double value_of(const Scalar& expr, const std::vector<double>& params) {
  ScalarProgram program({expr}, {}, {});
  Tensor result(expr.dtype(), {1});
  visit(expr, [&](const Scalar& s) {
    if (s.op() != ScalarOp::param) return;
    Tensor t = Tensor::scalar(s.dtype(), params[static_cast<size_t>(s->integer)]);
    std::memcpy(program.param(static_cast<int>(s->integer)), t.raw(), t.bytes());
  });
  program.run(1);
  std::memcpy(result.mutable_raw(), program.result(0), result.bytes());
  return result.as_double(0);
}

Scalar p(int number, DType dtype) { return Scalar::param(number, dtype); }

double binary(ScalarOp op, DType dtype, double a, double b) {
  const bool comparison = op == ScalarOp::eq || op == ScalarOp::lt || op == ScalarOp::le;
  return value_of(Scalar::make(op, comparison ? DType::boolean : dtype, {p(0, dtype), p(1, dtype)}), {a, b});
}

TEST(ScalarEvaluation, IntegerDivision) {
  for (DType t : {DType::i8, DType::i16, DType::i32, DType::i64}) {
    EXPECT_EQ(binary(ScalarOp::div, t, -7, 2), -3);
    EXPECT_EQ(binary(ScalarOp::floor_div, t, -7, 2), -4);
    EXPECT_EQ(binary(ScalarOp::floor_div, t, 7, -2), -4);
    EXPECT_EQ(binary(ScalarOp::rem, t, -7, 2), -1);
    for (ScalarOp op : {ScalarOp::div, ScalarOp::floor_div, ScalarOp::rem}) EXPECT_EQ(binary(op, t, 5, 0), 0);
  }
  EXPECT_EQ(binary(ScalarOp::div, DType::i8, -128, -1), -128);
  EXPECT_EQ(binary(ScalarOp::rem, DType::i32, std::numeric_limits<int32_t>::min(), -1), 0);
}

TEST(ScalarEvaluation, ShiftsByTheWidthGiveZero) {
  EXPECT_EQ(binary(ScalarOp::shl, DType::u8, 255, 8), 0);
  EXPECT_EQ(binary(ScalarOp::shl, DType::u8, 255, 7), 128);
  EXPECT_EQ(binary(ScalarOp::shr, DType::i32, -1, 32), 0);
  EXPECT_EQ(binary(ScalarOp::shr, DType::i32, -8, 1), -4);
}

TEST(ScalarEvaluation, IntegerPower) {
  EXPECT_EQ(binary(ScalarOp::pow, DType::i32, -3, 3), -27);
  EXPECT_EQ(binary(ScalarOp::pow, DType::i32, -1, -3), -1);
  EXPECT_EQ(binary(ScalarOp::pow, DType::i32, 2, -1), 0);
  EXPECT_EQ(binary(ScalarOp::pow, DType::u8, 3, 6), 729 % 256);
}

TEST(ScalarEvaluation, MinAndMaxKeepNaN) {
  for (ScalarOp op : {ScalarOp::min, ScalarOp::max}) {
    EXPECT_TRUE(std::isnan(binary(op, DType::f32, NAN, 1)));
    EXPECT_TRUE(std::isnan(binary(op, DType::f64, 1, NAN)));
  }
}

TEST(ScalarEvaluation, RoundsHalvesToEven) {
  const Scalar e = round_even(p(0, DType::f32));
  EXPECT_EQ(value_of(e, {0.5}), 0);
  EXPECT_EQ(value_of(e, {1.5}), 2);
  EXPECT_EQ(value_of(e, {-2.5}), -2);
}

TEST(ScalarEvaluation, CastsSaturateFromFloatsAndWrapFromIntegers) {
  EXPECT_EQ(value_of(cast(p(0, DType::f32), DType::i32), {3e9}), std::numeric_limits<int32_t>::max());
  EXPECT_EQ(value_of(cast(p(0, DType::f32), DType::i8), {-1000}), -128);
  EXPECT_EQ(value_of(cast(p(0, DType::f64), DType::u8), {-1.5}), 0);
  EXPECT_EQ(value_of(cast(p(0, DType::f64), DType::u8), {254.9}), 254);
  EXPECT_EQ(value_of(cast(p(0, DType::f32), DType::i64), {NAN}), 0);
  EXPECT_EQ(value_of(cast(p(0, DType::i32), DType::u8), {257}), 1);
  EXPECT_EQ(value_of(cast(p(0, DType::f32), DType::boolean), {0.25}), 1);
  EXPECT_EQ(value_of(cast(p(0, DType::f64), DType::f16), {1e6}), INFINITY);
}

TEST(ScalarEvaluation, FloatArithmeticIsNotDouble) {
  const Scalar x = p(0, DType::f32);
  EXPECT_EQ(value_of((x + 1.0) - x, {1e8}), 0);
  EXPECT_EQ(value_of(exp(x), {1}), static_cast<float>(std::exp(1.0)));
}

TEST(ScalarEvaluation, SideThatIsNotChosenMayLoadOutside) {
  const Tensor x = Tensor::of<float>(DType::f32, {3}, {1, 2, 3});
  const Scalar i = Scalar::index(0) - Scalar::i64(1);
  const Scalar guarded = select(i < Scalar::i64(0), Scalar::constant(DType::f32, 9), Scalar::load(0, DType::f32, {i}));
  Computation c{DType::f32, {4}, {}, {}, {}, {}, guarded};
  const Tensor y = evaluate(c, {&x}, {});
  EXPECT_EQ(y.as_double(0), 9);
  EXPECT_EQ(y.as_double(3), 3);
  c.space = {6};
  EXPECT_TRUE(std::isnan(evaluate(c, {&x}, {}).as_double(5)));
}

TEST(ScalarDerivative, AgreesWithCentralDifferences) {
  const Scalar x = p(0, DType::f64), y = p(1, DType::f64);
  const Scalar expressions[] = {
      x * y + x / y - x, -x * x * x, abs(x - 1.0), sqrt(x), exp(x * y), log(x), sin(x), cos(x), tan(x), asin(x * 0.3),
      acos(x * 0.3), atan(x), sinh(x), cosh(x), tanh(x), asinh(x), acosh(x + 1.5), atanh(x * 0.3), erf(x), log1p(x),
      expm1(x), pow(x, y), pow(y, x), pow(x, x.like(2)), pow(x, x.like(3)), min(x, y), max(x * 2.0, y), rem(y * 5.0, x),
      select(x < y, x * x, y * 3.0), fma(x, x, x * y), sigmoid(x), cast(cast(x, DType::f64) * x, DType::f64), floor(x) * x};
  constexpr double kStep = 1e-6;
  for (const Scalar& e : expressions) {
    for (double at : {0.7, 1.3, 2.1}) {
      const double expected = (value_of(e, {at + kStep, 1.7}) - value_of(e, {at - kStep, 1.7})) / (2 * kStep);
      EXPECT_NEAR(value_of(differentiate(e, 0), {at, 1.7}), expected, 1e-7 * (1 + std::fabs(expected)))
          << e.str() << " at " << at;
    }
  }
}

TEST(ScalarDerivative, IsZeroWhereNothingDepends) {
  const Scalar x = p(0, DType::f32), y = p(1, DType::f32);
  EXPECT_TRUE(differentiate(exp(y), 0).is_constant(0));
  EXPECT_TRUE(differentiate(floor(x), 0).is_constant(0));
  EXPECT_TRUE(differentiate(cast(cast(x, DType::i32), DType::f32), 0).is_constant(0));
  EXPECT_EQ(differentiate(x * y, 0).str(), y.str());
}

TEST(ScalarDerivative, OfPowersAtZeroIsFinite) {
  const Scalar x = p(0, DType::f64), y = p(1, DType::f64);
  EXPECT_EQ(value_of(differentiate(pow(x, y), 0), {0, 0}), 0);
  EXPECT_EQ(value_of(differentiate(pow(x, y), 1), {0, 2}), 0);
}

}  // namespace
}  // namespace cnnc

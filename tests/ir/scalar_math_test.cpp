// Error bounds of the expansions of elementary functions, over the whole range of f32.
#include "ir/scalar_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>

#include "tests/ir/scalar_lanes.h"

namespace cnnc {
namespace {

using Lanes = std::vector<float>;
constexpr size_t kLanes = ScalarLanes::kLanes;

// |value - exact| in units of the last place of an f32 near `exact`; infinity where NaN, infinity or the sign of a zero
// differ from what rounding `exact` gives.
double ulp_error(float value, double exact) {
  const auto rounded = static_cast<float>(exact);
  if (std::isnan(rounded) || std::isnan(value))
    return std::isnan(rounded) && std::isnan(value) ? 0 : INFINITY;
  if (rounded == 0 && value == 0) return std::signbit(value) == std::signbit(exact) ? 0 : INFINITY;
  if (std::isinf(exact) || (std::isinf(value) && value == rounded)) return value == rounded ? 0 : INFINITY;
  // One of the two may be infinity where the other is the largest number.
  const double finite = std::isinf(value) ? std::copysign(0x1p128, value) : value;
  return std::fabs(finite - exact) / std::ldexp(1, std::clamp(std::ilogb(exact), -126, 127) - 23);
}

struct Worst {
  double error = 0;
  float x = 0, y = 0, value = 0;
  double exact = 0;

  void add(float x_, float y_, float value_, double exact_) {
    const double e = ulp_error(value_, exact_);
    if (e > error) *this = {e, x_, y_, value_, exact_};
  }
};

struct Function {
  const char* name;
  Scalar (*scalar)(const Scalar&);
  double (*exact)(double);
  double bound;  // ulp
};

std::ostream& operator<<(std::ostream& out, const Function& f) { return out << f.name; }

double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

constexpr double kPowBound = 1.5;

const Function kFunctions[] = {
    {"exp", exp, std::exp, 2},
    {"tanh", tanh, std::tanh, 2},
    {"log", log, std::log, 2},
    {"erf", erf, std::erf, 2},
    {"sigmoid", sigmoid, exact_sigmoid, 3},
    {"expm1", expm1, std::expm1, 2},
    {"log1p", log1p, std::log1p, 2},
    {"sin", sin, std::sin, 2},
    {"cos", cos, std::cos, 2},
    {"sinh", sinh, std::sinh, 2},
    {"cosh", cosh, std::cosh, 2},
    {"tan", tan, std::tan, 3},
    {"asin", asin, std::asin, 3},
    {"acos", acos, std::acos, 3},
    {"atan", atan, std::atan, 3},
    {"asinh", asinh, std::asinh, 3},
    {"acosh", acosh, std::acosh, 3},
    {"atanh", atanh, std::atanh, 3},
};

Lanes special_arguments() {
  const float inf = INFINITY;
  Lanes values = {0, 0x1p-149f, 0x1p-126f, 0x1.fffffep-127f, 0x1.fffffep127f, inf, NAN};
  for (float v : {0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 9.0f, 88.0f, 88.72283f, 89.0f, 103.97208f, 104.0f, 1e5f, 0x1p23f, 0x1p24f,
                  0x1p26f, 0x1p52f, 0x1p78f, 0x1p104f, 1.5707964f, 3.1415927f})
    for (float near : {std::nextafter(v, -inf), v, std::nextafter(v, inf)}) values.push_back(near);
  const size_t count = values.size();
  for (size_t i = 0; i < count; ++i) values.push_back(-values[i]);
  return values;
}

// Runs over every `stride`th bit pattern.
Worst worst_over_patterns(const Function& f, uint64_t stride) {
  ScalarLanes lanes(expand_math(f.scalar(Scalar::param(0, DType::f32))));
  Lanes x(kLanes), result(kLanes);
  Worst worst;
  const auto flush = [&] {
    lanes.run({x.data()}, result.data());
    for (size_t i = 0; i < kLanes; ++i) worst.add(x[i], 0, result[i], f.exact(x[i]));
  };
  for (uint64_t pattern = 0; pattern < (uint64_t{1} << 32);) {
    for (float& v : x) {
      v = std::bit_cast<float>(static_cast<uint32_t>(pattern));
      pattern += stride;
    }
    flush();
  }
  const Lanes special = special_arguments();
  std::fill(x.begin(), x.end(), 0.0f);
  std::copy(special.begin(), special.end(), x.begin());
  flush();
  return worst;
}

// CNNC_ULP_STRIDE=1 tries all numbers.
uint64_t stride() {
  const char* text = std::getenv("CNNC_ULP_STRIDE");
  return text ? std::strtoull(text, nullptr, 10) : 5003;
}

class ScalarMath : public testing::TestWithParam<Function> {};

TEST_P(ScalarMath, StaysWithinItsErrorBound) {
  const Function& f = GetParam();
  const Worst w = worst_over_patterns(f, stride());
  const ScalarLanes lanes(expand_math(f.scalar(Scalar::param(0, DType::f32))));
  std::printf("%-8s %6.3f ulp at %a (%.9g): %.9g instead of %.9g; %d operators\n", f.name, w.error, w.x, w.x, w.value,
              w.exact, lanes.operator_count());
  EXPECT_LE(w.error, f.bound) << f.name << "(" << w.x << ") = " << w.value << ", exact " << w.exact;
}

INSTANTIATE_TEST_SUITE_P(All, ScalarMath, testing::ValuesIn(kFunctions),
                         [](const auto& info) { return std::string(info.param.name); });

Worst worst_pow(const Lanes& x, const Lanes& y) {
  ScalarLanes lanes(expand_math(pow(Scalar::param(0, DType::f32), Scalar::param(1, DType::f32))));
  Lanes result(kLanes);
  lanes.run({x.data(), y.data()}, result.data());
  Worst worst;
  for (size_t i = 0; i < kLanes; ++i) worst.add(x[i], y[i], result[i], std::pow(double{x[i]}, double{y[i]}));
  return worst;
}

void expect_pow_within_bound(const Worst& w) {
  EXPECT_LE(w.error, kPowBound) << "pow(" << w.x << ", " << w.y << ") = " << w.value << ", exact " << w.exact;
}

TEST(ScalarMath, PowOfSpecialCases) {
  const Lanes special = special_arguments();
  Lanes x(kLanes, 1), y(kLanes, 1);
  for (float base : special) {
    std::fill(x.begin(), x.end(), base);
    std::copy(special.begin(), special.end(), y.begin());
    expect_pow_within_bound(worst_pow(x, y));
  }
}

TEST(ScalarMath, PowOfRandomArguments) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> log2_result(-152, 130), near_one(0.5, 2);
  Lanes x(kLanes), y(kLanes);
  Worst worst;
  for (int round = 0; round < 100; ++round) {
    for (size_t i = 0; i < kLanes; ++i) {
      x[i] = round % 2 ? std::bit_cast<float>(static_cast<uint32_t>(random())) : static_cast<float>(near_one(random));
      y[i] = static_cast<float>(log2_result(random) / std::log2(std::fabs(x[i])));
      if (round % 4 >= 2) y[i] = std::round(y[i]);
    }
    const Worst w = worst_pow(x, y);
    if (w.error > worst.error) worst = w;
  }
  std::printf("pow      %6.3f ulp at (%a, %a)\n", worst.error, worst.x, worst.y);
  expect_pow_within_bound(worst);
}

TEST(ScalarMath, PowOfConstantExponents) {
  for (float exponent : {-1.0f, 0.5f, 1.0f, 2.0f, 3.0f}) {
    const Scalar x = Scalar::param(0, DType::f32);
    ScalarLanes lanes(expand_math(pow(x, x.like(exponent))));
    Lanes in = special_arguments(), out(kLanes);
    in.resize(kLanes, 1.25f);
    lanes.run({in.data()}, out.data());
    Worst w;
    for (size_t i = 0; i < kLanes; ++i) w.add(in[i], exponent, out[i], std::pow(double{in[i]}, double{exponent}));
    expect_pow_within_bound(w);
  }
}

TEST(ScalarMath, LeavesOtherOperatorsAlone) {
  const Scalar x = Scalar::param(0, DType::f64);
  const Scalar wide = exp(x) + sqrt(x);
  EXPECT_EQ(expand_math(wide).get(), wide.get());
}

TEST(ScalarMath, ExpandsInsideOtherOperators) {
  const Scalar x = Scalar::param(0, DType::f32);
  visit(expand_math(x * tanh(log1p(exp(x)))), [](const Scalar& node) {
    EXPECT_NE(node.op(), ScalarOp::exp);
    EXPECT_NE(node.op(), ScalarOp::tanh);
    EXPECT_NE(node.op(), ScalarOp::log1p);
  });
}

}  // namespace
}  // namespace cnnc

// Error bounds of the expansions of elementary functions, over the whole range of f32.
#include "ir/scalar_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "ir/scalar_eval.h"

namespace cnnc {
namespace {

using Numbers = std::vector<float>;
constexpr size_t kLanes = ScalarProgram::kLanes;

// |value - exact| in units of the last place of an f32 near `exact`; infinity where NaN, infinity
// or the sign of a zero differ from what rounding `exact` gives.
double ulp_error(float value, double exact) {
  const auto rounded = static_cast<float>(exact);
  if (std::isnan(rounded) || std::isnan(value))
    return std::isnan(rounded) && std::isnan(value) ? 0 : INFINITY;
  if (rounded == 0 && value == 0) return std::signbit(value) == std::signbit(exact) ? 0 : INFINITY;
  if (std::isinf(exact) || (std::isinf(value) && value == rounded))
    return value == rounded ? 0 : INFINITY;
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

// The expansion of an expression over param(0) and param(1), run by the interpreter's engine.
class Expansion {
 public:
  explicit Expansion(const Scalar& expr) : expr_(expand_math(expr)), program_({expr_}, {}, {}) {}

  // kLanes results for the arguments that `x` and `y` point at.
  const float* operator()(const float* x, const float* y) {
    set_parameter(0, x);
    set_parameter(1, y);
    program_.run(kLanes);
    return static_cast<const float*>(program_.result(0));
  }

  int operator_count() const {
    int count = 0;
    visit(expr_, [&](const Scalar& node) { count += !node->args.empty(); });
    return count;
  }

 private:
  void set_parameter(int number, const float* values) {
    auto* lanes = static_cast<float*>(program_.param(number));
    if (lanes != nullptr) std::copy(values, values + kLanes, lanes);  // null where it is not used
  }

  Scalar expr_;
  ScalarProgram program_;
};

Scalar parameter(int number) { return Scalar::param(number, DType::f32); }

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
    {"sinh", sinh, std::sinh, 3},
    {"cosh", cosh, std::cosh, 2},
    {"tan", tan, std::tan, 3},
    {"asin", asin, std::asin, 3},
    {"acos", acos, std::acos, 3},
    {"atan", atan, std::atan, 3},
    {"asinh", asinh, std::asinh, 3},
    {"acosh", acosh, std::acosh, 3},
    {"atanh", atanh, std::atanh, 3},
};

Numbers special_arguments() {
  const float inf = INFINITY;
  Numbers values = {0, 0x1p-149f, 0x1p-126f, 0x1.fffffep-127f, 0x1.fffffep127f, inf, NAN};
  for (float v : {0.5f,      1.0f,    1.5f,       2.0f,     3.0f,       9.0f,      88.0f,
                  88.72283f, 89.0f,   103.97208f, 104.0f,   1e5f,       0x1p23f,   0x1p24f,
                  0x1p26f,   0x1p52f, 0x1p78f,    0x1p104f, 1.5707964f, 3.1415927f})
    for (float near : {std::nextafter(v, -inf), v, std::nextafter(v, inf)}) values.push_back(near);
  const size_t count = values.size();
  for (size_t i = 0; i < count; ++i) values.push_back(-values[i]);
  return values;
}

// CNNC_ULP_STRIDE=1 tries all numbers.
uint64_t stride() {
  const char* text = std::getenv("CNNC_ULP_STRIDE");
  return text ? std::strtoull(text, nullptr, 10) : 10007;
}

// Over every `stride`th bit pattern, and the special arguments.
Worst worst_of(const Function& f, Expansion& expansion) {
  Worst worst;
  const auto run = [&](const float* x) {
    const float* result = expansion(x, x);
    for (size_t i = 0; i < kLanes; ++i) worst.add(x[i], 0, result[i], f.exact(x[i]));
  };
  Numbers x = special_arguments();
  x.resize(kLanes);
  run(x.data());
  for (uint64_t pattern = 0; pattern < (uint64_t{1} << 32);) {
    for (float& v : x) {
      v = std::bit_cast<float>(static_cast<uint32_t>(pattern));
      pattern += stride();
    }
    run(x.data());
  }
  return worst;
}

class ScalarMath : public testing::TestWithParam<Function> {};

TEST_P(ScalarMath, StaysWithinItsErrorBound) {
  const Function& f = GetParam();
  Expansion expansion(f.scalar(parameter(0)));
  const Worst w = worst_of(f, expansion);
  std::printf("%-8s %6.3f ulp at %a (%.9g): %.9g instead of %.9g; %d operators\n", f.name, w.error,
              w.x, w.x, w.value, w.exact, expansion.operator_count());
  EXPECT_LE(w.error, f.bound) << f.name << "(" << w.x << ") = " << w.value << ", exact " << w.exact;
}

INSTANTIATE_TEST_SUITE_P(All, ScalarMath, testing::ValuesIn(kFunctions),
                         [](const auto& info) { return std::string(info.param.name); });

Worst worst_pow(Expansion& expansion, const Numbers& x, const Numbers& y) {
  const float* result = expansion(x.data(), y.data());
  Worst worst;
  for (size_t i = 0; i < kLanes; ++i)
    worst.add(x[i], y[i], result[i], std::pow(double{x[i]}, double{y[i]}));
  return worst;
}

void expect_pow_within_bound(const Worst& w) {
  EXPECT_LE(w.error, kPowBound) << "pow(" << w.x << ", " << w.y << ") = " << w.value << ", exact "
                                << w.exact;
}

TEST(ScalarMath, PowOfSpecialCases) {
  Expansion expansion(pow(parameter(0), parameter(1)));
  const Numbers special = special_arguments();
  Numbers y = special;
  y.resize(kLanes);
  for (float base : special)
    expect_pow_within_bound(worst_pow(expansion, Numbers(kLanes, base), y));
}

TEST(ScalarMath, PowOfRandomArguments) {
  Expansion expansion(pow(parameter(0), parameter(1)));
  std::mt19937 random(7);
  std::uniform_real_distribution<double> log2_result(-152, 130), near_one(0.5, 2);
  Numbers x(kLanes), y(kLanes);
  Worst worst;
  for (int round = 0; round < 1000; ++round) {
    for (size_t i = 0; i < kLanes; ++i) {
      x[i] = round % 2 ? std::bit_cast<float>(static_cast<uint32_t>(random()))
                       : static_cast<float>(near_one(random));
      y[i] = static_cast<float>(log2_result(random) / std::log2(std::fabs(x[i])));
      if (round % 4 >= 2) y[i] = std::round(y[i]);
    }
    const Worst w = worst_pow(expansion, x, y);
    if (w.error > worst.error) worst = w;
  }
  std::printf("pow      %6.3f ulp at (%a, %a); %d operators\n", worst.error, worst.x, worst.y,
              expansion.operator_count());
  expect_pow_within_bound(worst);
}

TEST(ScalarMath, PowOfConstantExponents) {
  Numbers x = special_arguments();
  x.resize(kLanes, 1.25f);
  for (float exponent : {-1.0f, 0.5f, 1.0f, 2.0f, 3.0f}) {
    Expansion expansion(pow(parameter(0), parameter(0).like(exponent)));
    EXPECT_LT(expansion.operator_count(), 8);
    expect_pow_within_bound(worst_pow(expansion, x, Numbers(kLanes, exponent)));
  }
}

TEST(ScalarMath, LeavesOtherOperatorsAlone) {
  const Scalar x = Scalar::param(0, DType::f64);
  const Scalar wide = exp(x) + sqrt(x);
  EXPECT_EQ(expand_math(wide).get(), wide.get());
}

TEST(ScalarMath, ExpandsInsideOtherOperators) {
  const Scalar x = parameter(0);
  visit(expand_math(x * tanh(log1p(exp(x)))), [](const Scalar& node) {
    EXPECT_NE(node.op(), ScalarOp::exp);
    EXPECT_NE(node.op(), ScalarOp::tanh);
    EXPECT_NE(node.op(), ScalarOp::log1p);
  });
}

}  // namespace
}  // namespace cnnc

// Conversions of the narrow types: every code against what its bits mean, and every rounding against a search among
// the numbers of the type.
#include "ir/narrow_cast.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "ir/scalar_eval.h"
#include "runtime/narrow_float.h"

namespace cnnc {
namespace {

constexpr DType kNarrowFloats[] = {DType::f8e4m3fn, DType::f8e4m3fnuz, DType::f8e5m2,
                                   DType::f8e5m2fnuz, DType::f8e8m0, DType::f4e2m1};
constexpr DType kNarrowInts[] = {DType::i4, DType::u4, DType::i2, DType::u2};

Tensor converted(const Tensor& x, DType to, const CastMode& mode = {}) {
  Computation c;
  c.dtype = to;
  c.space = {Dim(x.size())};
  c.value = cast(Scalar::load(0, x.dtype(), {Scalar::index(0)}), to, mode);
  return evaluate(c, {&x}, {});
}

uint8_t code_of(double x, DType to, const CastMode& mode = {}) {
  return *converted(Tensor::of<double>(DType::f64, {1}, {x}), to, mode).data<uint8_t>();
}

int code_count(DType type) { return 1 << bits_of(type); }

Tensor all_codes(DType type) {
  Tensor codes(type, {code_count(type)});
  for (int i = 0; i < code_count(type); ++i) codes.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(i);
  return codes;
}

// What the formats' descriptions say a code is: sign, exponent, mantissa.
double described(int code, int exponent_bits, int mantissa_bits, int bias) {
  const int exponent = code >> mantissa_bits & ((1 << exponent_bits) - 1);
  const int mantissa = code & ((1 << mantissa_bits) - 1);
  const double fraction = mantissa * std::ldexp(1, -mantissa_bits);
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
  return code >> (exponent_bits + mantissa_bits) ? -magnitude : magnitude;
}

double described(DType type, int code) {
  const double sign = code & 0x80 ? -1 : 1;
  const int low = code & 0x7F;
  switch (type) {
    case DType::f8e4m3fn:
      return low == 0x7F ? NAN : described(code, 4, 3, 7);
    case DType::f8e4m3fnuz:
      return code == 0x80 ? NAN : described(code, 4, 3, 8);
    case DType::f8e5m2:
      return low > 0x7C ? NAN : low == 0x7C ? sign * INFINITY : described(code, 5, 2, 15);
    case DType::f8e5m2fnuz:
      return code == 0x80 ? NAN : described(code, 5, 2, 16);
    case DType::f8e8m0:
      return code == 0xFF ? NAN : std::ldexp(1.0, code - 127);
    default:
      return described(code, 2, 1, 1);
  }
}

TEST(NarrowCast, EveryCodeOfEveryFloatIsTheNumberThatItsBitsDescribe) {
  for (const DType type : kNarrowFloats) {
    const Tensor codes = all_codes(type), numbers = converted(codes, DType::f32);
    for (int i = 0; i < code_count(type); ++i) {
      const double expected = described(type, i);
      EXPECT_EQ(std::isnan(numbers.as_double(i)), std::isnan(expected)) << name_of(type) << " " << i;
      EXPECT_EQ(std::isnan(codes.as_double(i)), std::isnan(expected)) << name_of(type) << " " << i;
      if (std::isnan(expected)) continue;
      EXPECT_EQ(numbers.as_double(i), expected) << name_of(type) << " " << i;
      EXPECT_EQ(codes.as_double(i), expected) << name_of(type) << " " << i;
      EXPECT_EQ(std::signbit(numbers.as_double(i)), std::signbit(expected)) << name_of(type) << " " << i;
    }
  }
}

TEST(NarrowCast, EveryNumberOfATypeComesBackAsItsCode) {
  for (const DType type : kNarrowFloats) {
    const Tensor codes = all_codes(type);
    for (const DType wide : {DType::f32, DType::f64}) {
      const Tensor back = converted(converted(codes, wide), type, {.saturate = false});
      for (int i = 0; i < code_count(type); ++i) {
        if (std::isnan(codes.as_double(i)))
          EXPECT_TRUE(std::isnan(back.as_double(i))) << name_of(type) << " " << i;
        else
          EXPECT_EQ(back.data<uint8_t>()[i], i) << name_of(type);
      }
    }
  }
}

TEST(NarrowCast, EveryIntegerHasItsValueAndWrapsAround) {
  for (const DType type : kNarrowInts) {
    const int count = code_count(type);
    for (const DType wide : {DType::f32, DType::f16, DType::i64, DType::i8}) {
      Tensor x(wide, {64});
      for (int i = 0; i < 64; ++i) x.set_int(i, i - 32);
      const Tensor y = converted(x, type);
      for (int i = 0; i < 64; ++i) {
        int expected = (i - 32) & (count - 1);
        if (is_signed_int(type) && expected >= count / 2) expected -= count;
        EXPECT_EQ(y.as_int(i), expected) << name_of(wide) << " " << i - 32 << " to " << name_of(type);
        EXPECT_EQ(converted(y, wide).as_double(i), expected) << name_of(type);
      }
    }
    EXPECT_EQ(code_of(NAN, type), 0) << name_of(type);
    EXPECT_EQ(code_of(1.75, type), 1) << name_of(type);
  }
}

// Numbers of all sizes, the middles between neighbours and what is next to them.
std::vector<float> samples(DType type) {
  std::vector<float> x{0.0f, -0.0f, INFINITY, -INFINITY, NAN, -NAN, 1e-45f, -1e-45f, 3e38f};
  for (int code = 0; code + 1 < code_count(type); ++code) {
    const float a = narrow_float_value(type, static_cast<uint8_t>(code));
    const float middle = a / 2 + narrow_float_value(type, static_cast<uint8_t>(code + 1)) / 2;
    for (float v : {a, middle})
      for (float w : {v, std::nextafter(v, INFINITY), std::nextafter(v, -INFINITY)}) x.insert(x.end(), {w, -w});
  }
  std::mt19937 random(1);
  for (int i = 0; i < 100000; ++i) x.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
  return x;
}

TEST(NarrowCast, FloatsRoundAsASearchAmongTheNumbersOfTheTypeDoes) {
  for (const DType type : kNarrowFloats) {
    const std::vector<float> x = samples(type);
    const Tensor y = converted(Tensor::of(DType::f32, {static_cast<int64_t>(x.size())}, x), type);
    for (size_t i = 0; i < x.size(); ++i) {
      // Where the search finds infinity, the conversion saturates.
      const double limited = std::isinf(x[i]) ? std::copysign(1e38, x[i]) * 2 : double{x[i]};
      ASSERT_EQ(y.data<uint8_t>()[i], narrow_float_code(type, limited)) << x[i] << " to " << name_of(type);
    }
  }
}

TEST(NarrowCast, F64RoundsOnce) {
  // Just above the middle between two numbers, by less than an f32 can tell.
  EXPECT_EQ(code_of(1 + 0x1p-4 + 0x1p-40, DType::f8e4m3fn), code_of(1.125, DType::f8e4m3fn));
  EXPECT_EQ(code_of(1.125 + 0x1p-4 - 0x1p-40, DType::f8e4m3fn), code_of(1.125, DType::f8e4m3fn));
  EXPECT_EQ(code_of(1e300, DType::f8e5m2), 0x7B);
  EXPECT_EQ(code_of(1e-300, DType::f8e5m2), 0);
  EXPECT_EQ(code_of(-1e-300, DType::f8e5m2), 0x80);
  EXPECT_EQ(code_of(1e300, DType::f8e8m0), 0xFE);
  EXPECT_EQ(code_of(1e-300, DType::f8e8m0), 0);
}

TEST(NarrowCast, WithoutSaturationWhatDoesNotFitIsInfinityOrNaN) {
  const CastMode mode{.saturate = false};
  for (const double x : {1e6, double{INFINITY}}) {
    EXPECT_EQ(code_of(x, DType::f8e4m3fn, mode), 0x7F);
    EXPECT_EQ(code_of(-x, DType::f8e4m3fn, mode), 0xFF);
    EXPECT_EQ(code_of(x, DType::f8e4m3fnuz, mode), 0x80);
    EXPECT_EQ(code_of(-x, DType::f8e4m3fnuz, mode), 0x80);
    EXPECT_EQ(code_of(x, DType::f8e5m2, mode), 0x7C);
    EXPECT_EQ(code_of(-x, DType::f8e5m2, mode), 0xFC);
    EXPECT_EQ(code_of(x, DType::f8e5m2fnuz, mode), 0x80);
    EXPECT_EQ(code_of(x, DType::f4e2m1, mode), 7);  // has neither
  }
  // What rounds to the largest number fits.
  EXPECT_EQ(code_of(464, DType::f8e4m3fn, mode), 0x7E);
  EXPECT_EQ(code_of(464.1, DType::f8e4m3fn, mode), 0x7F);
}

TEST(NarrowCast, PowersOfTwoRoundAsTheyAreTold) {
  const DType type = DType::f8e8m0;
  const CastMode up, down{.rounding = CastMode::down}, nearest{.rounding = CastMode::nearest};
  const int one = 127;
  EXPECT_EQ(code_of(1, type, up), one);
  EXPECT_EQ(code_of(1.01, type, up), one + 1);
  EXPECT_EQ(code_of(1.99, type, down), one);
  EXPECT_EQ(code_of(1.49, type, nearest), one);
  EXPECT_EQ(code_of(1.5, type, nearest), one + 1);
  EXPECT_EQ(code_of(0x1p-127, type, up), 0);
  EXPECT_EQ(code_of(0x1.8p-127, type, up), 1);
  EXPECT_EQ(code_of(0x1.7p-127, type, nearest), 0);
  EXPECT_EQ(code_of(0x1.8p-127, type, nearest), 1);
  EXPECT_EQ(code_of(0, type, up), 0);
  EXPECT_EQ(code_of(0x1.1p127, type, up), 0xFE);
  EXPECT_EQ(code_of(INFINITY, type, up), 0xFE);
  EXPECT_EQ(code_of(NAN, type, up), 0xFF);
  const CastMode exact{.saturate = false, .rounding = CastMode::nearest};
  EXPECT_EQ(code_of(0, type, exact), 0xFF);
  EXPECT_EQ(code_of(INFINITY, type, exact), 0xFF);
  EXPECT_EQ(code_of(0x1p-128, type, exact), 0xFF);
  EXPECT_EQ(code_of(0x1p127, type, exact), 0xFE);
}

}  // namespace
}  // namespace cnnc

// log and what is made of it: log(2^e (1 + f)) = e ln 2 + log(1 + f).
#include "ir/math/expansions.h"
#include "ir/math/float_parts.h"

namespace cnnc::math {

static constexpr double kLn2 = 0x1.62e43p-1;
static constexpr int32_t kRootHalfBits = 0x3f3504f3;

static Scalar i32(int32_t value) { return Scalar::constant_int(DType::i32, value); }

// `offset` holds the bits of sqrt(1/2), plus what the exponent is too large by.
static FloatParts parts_with_offset(const Scalar& x, const Scalar& offset) {
  const Scalar distance = bits(x) - offset;
  const Scalar mantissa = from_bits(bit_and(distance, i32(0x007fffff)) + i32(kRootHalfBits));
  return {shift_right(distance, 23), mantissa};
}

FloatParts parts_of_normal(const Scalar& x) { return parts_with_offset(x, i32(kRootHalfBits)); }

FloatParts parts(const Scalar& x) {
  const Scalar denormal = x < x.like(0x1p-126);
  return parts_with_offset(select(denormal, x * 0x1p23, x),
                           select(denormal, i32(kRootHalfBits + (23 << 23)), i32(kRootHalfBits)));
}

// e ln 2 + log(1 + f) for sqrt(1/2) <= 1 + f < sqrt(2). The part of ln 2 beyond f32 is below 0.1
// ulp of any result.
static Scalar log_of_parts(const Scalar& e, const Scalar& f) {
  const Scalar tail = polynomial(f, {-0.5, 0.333340406, -0.250007719, 0.199571148, -0.165946648,
                                     0.150023639, -0.141483828, 0.0826684982});
  const Scalar log1p_f = fma(f * f, tail, f);
  return fma(cast(e, DType::f32), f.like(kLn2), log1p_f);
}

// `value` = log(x) where x is positive and finite; elsewhere what IEEE says.
static Scalar with_log_limits(const Scalar& value, const Scalar& x) {
  const Scalar not_positive = select(x == x.like(0), -infinity(), not_a_number());
  return select(x > x.like(0), select(x < infinity(), value, x), not_positive);
}

Scalar expand_log(const Scalar& x) {
  const FloatParts p = parts(x);
  return with_log_limits(log_of_parts(p.exponent, p.mantissa - 1.0), x);
}

Scalar expand_log1p(const Scalar& x) {
  // 1 + x = sum + error exactly.
  const Scalar sum = 1.0 + x;
  const Scalar x_part = sum - 1.0;
  const Scalar error = (1.0 - (sum - x_part)) + (x - x_part);
  const FloatParts p = parts_of_normal(sum);
  // 2^-exponent; where the exponent is above 126 the error is nothing beside the sum.
  const Scalar scale = from_bits(shift_left(i32(127) - min(p.exponent, i32(126)), 23));
  const Scalar f = fma(error, scale, p.mantissa - 1.0);
  const Scalar value = with_log_limits(log_of_parts(p.exponent, f), sum);
  return select(abs(x) < x.like(0x1p-30), x, value);  // keeps the sign of 0
}

// From here on x^2 + 1 is x^2: asinh x = acosh x = log(2 x).
static constexpr double kHuge = 0x1p28;

Scalar expand_asinh(const Scalar& x) {
  const Scalar a = abs(x), s = a * a;
  const Scalar huge = a > a.like(kHuge);
  const Scalar exact = a + s / (1.0 + sqrt(1.0 + s));  // a + sqrt(1 + a^2) - 1
  const Scalar log = expand_log1p(select(huge, a, exact));
  return with_sign(log + select(huge, a.like(kLn2), a.like(0)), x);
}

Scalar expand_acosh(const Scalar& x) {
  const Scalar d = x - 1.0;
  const Scalar huge = x > x.like(kHuge);
  const Scalar log = expand_log1p(select(huge, x, d + sqrt(d * (x + 1.0))));
  const Scalar value = log + select(huge, x.like(kLn2), x.like(0));
  return select(x < x.like(1), not_a_number(), value);
}

Scalar expand_atanh(const Scalar& x) {
  const Scalar a = abs(x);
  return with_sign(abs(0.5 * expand_log1p((a + a) / (1.0 - a))), x);
}

}  // namespace cnnc::math

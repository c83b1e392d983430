#include "ir/math/expansions.h"
#include "ir/math/float_parts.h"

namespace cnnc::math {

// log2 of a positive finite f32 to about 40 bits, in f64: the product with the exponent needs 24
// bits behind the point.
static Scalar log2_f64(const Scalar& a) {
  const FloatParts p = parts(a);
  const Scalar m = cast(p.mantissa, DType::f64);
  const Scalar s = (m - 1.0) / (m + 1.0);  // log2 m = 2 / ln 2 artanh s
  const Scalar log2_m =
      s * polynomial(s * s, {2.8853900817900788, 0.9617966733516321, 0.57708358299830254,
                             0.41167283942253258, 0.34072783647512817});
  return cast(p.exponent, DType::f64) + log2_m;
}

// 2^t as f32.
static Scalar exp2_f64(const Scalar& t) {
  const double round = 0x1.8p52;
  const Scalar limited = at_least(at_most(t, 252), -252);
  const Scalar shifted = limited + round;  // the integer nearest to t in the low bits
  const Scalar r = cast(limited - (shifted - round), DType::f32);
  const Scalar n = cast(bitcast(shifted, DType::i64), DType::i32);
  const Scalar p = polynomial(
      r, {1, 0.693147242, 0.240226552, 0.0555027276, 0.00961706601, 0.00134178298, 0.000158209499});
  const Scalar half = shift_right(n, 1), bias = Scalar::constant_int(DType::i32, 127);
  return p * from_bits(shift_left(half + bias, 23)) * from_bits(shift_left(n - half + bias, 23));
}

// |x|^y, but for y = 0.
static Scalar pow_of_magnitude(const Scalar& a, const Scalar& y) {
  const auto f64 = [](const Scalar& f32) { return cast(f32, DType::f64); };
  Scalar log2 = select(a < infinity(), log2_f64(a), f64(a));  // infinity and NaN
  log2 = select(a == a.like(0), f64(-infinity()), log2);
  return select(a == a.like(1), a, exp2_f64(f64(y) * log2));
}

static Scalar is_integer(const Scalar& y) { return trunc(y) == y; }

// Exponents that models use, by multiplication and square root; empty for others.
static Scalar pow_constant(const Scalar& x, const Scalar& y) {
  if (y.is_constant(1)) return x;
  if (y.is_constant(2)) return x * x;
  if (y.is_constant(3)) return x * x * x;
  if (y.is_constant(-1)) return 1.0 / x;
  // pow(-inf, 0.5) is inf, pow(-0, 0.5) is +0.
  if (y.is_constant(0.5)) return select(x == -infinity(), infinity(), sqrt(x + 0.0));
  return {};
}

Scalar expand_pow(const Scalar& x, const Scalar& y) {
  if (Scalar simpler = pow_constant(x, y)) return simpler;
  const Scalar a = abs(x);
  const Scalar magnitude = pow_of_magnitude(a, y);
  const Scalar odd = is_integer(y) && !is_integer(y * 0.5);
  const Scalar signed_value = select(odd, with_sign(magnitude, x), magnitude);
  const Scalar invalid = x < x.like(0) && a < infinity() && !is_integer(y);
  // Also where |x| = 1 and y is NaN: 1^NaN = 1, but (-1)^NaN is NaN, caught by `invalid`.
  const Scalar value = select(invalid, not_a_number(), signed_value);
  return select(y == y.like(0), y.like(1), value);
}

}  // namespace cnnc::math

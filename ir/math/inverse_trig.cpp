#include "ir/math/expansions.h"

namespace cnnc::math {

static constexpr double kHalfPi = 0x1.921fb6p+0;  // rounded to f32
static constexpr double kHalfPiLow = -0x1.777a5cp-25;

// pi / 2 + x, with the part of pi / 2 beyond f32.
static Scalar plus_half_pi(const Scalar& x) { return (x + kHalfPi) + kHalfPiLow; }

namespace {
// For |x| above 1/2, asin |x| = pi / 2 - 2 p; below, p = asin |x|.
struct AsinParts {
  Scalar large;  // |x| > 1/2
  Scalar p;
};
}  // namespace

static AsinParts asin_parts(const Scalar& x) {
  const Scalar a = abs(x);
  const Scalar large = a > a.like(0.5);
  const Scalar s = select(large, fma(a, a.like(-0.5), a.like(0.5)), a * a);
  const Scalar root = select(large, sqrt(s), a);  // NaN where |x| > 1
  const Scalar tail =
      polynomial(s, {0.166667521, 0.0749530643, 0.0454697721, 0.0241807662, 0.0421664491});
  return {large, fma(root * s, tail, root)};
}

Scalar expand_asin(const Scalar& x) {
  const AsinParts a = asin_parts(x);
  return with_sign(abs(select(a.large, plus_half_pi(-2.0 * a.p), a.p)), x);
}

Scalar expand_acos(const Scalar& x) {
  const AsinParts a = asin_parts(x);
  const Scalar twice = a.p + a.p;
  const Scalar large = select(x > x.like(0), twice, (2 * kHalfPi - twice) + 2 * kHalfPiLow);
  return select(a.large, large, plus_half_pi(-with_sign(abs(a.p), x)));
}

Scalar expand_atan(const Scalar& x) {
  const Scalar a = abs(x);
  const Scalar large = a > a.like(1);
  const Scalar t = select(large, 1.0 / a, a);
  const Scalar s = t * t;
  const Scalar tail = polynomial(s, {-0.333331525, 0.199937671, -0.14211008, 0.10665822,
                                     -0.0755183846, 0.043207597, -0.0163654089, 0.00292008603});
  const Scalar p = fma(t * s, tail, t);
  return with_sign(select(large, plus_half_pi(-p), p), x);
}

}  // namespace cnnc::math

// exp and what is made of it: e^x = 2^n e^r with |r| small.
#include "ir/math/expansions.h"

namespace cnnc::math {

// Adding this number to a small t rounds t to an integer n (ties to even), which then stands in the
// sum's low bits, plus 127, the exponent bias: shifted left by 23 they are the f32 2^n.
static constexpr double kRoundAndBias = 0x1.8p23 + 127;

static constexpr double kLn2 = 0x1.62e43p-1;  // rounded to f32, as is the rest
static constexpr double kLn2Low = -0x1.05c610ca86c39p-29;
static constexpr double kInverseLn2 = 0x1.715476p+0;

namespace {
// e^x = p * scale * scale, for x in [-174, 176].
struct SplitExp {
  Scalar p, scale;
};
}  // namespace

// Reducing by 2 ln 2 rather than ln 2 makes the power of two a square: its root cannot overflow or
// become denormal where e^x does, and e^x is rounded once more only where it is denormal.
static SplitExp split_exp(const Scalar& x) {
  const Scalar t = fma(x, x.like(kInverseLn2 / 2), x.like(kRoundAndBias));
  const Scalar n = t - kRoundAndBias;
  Scalar r = fma(n, x.like(-2 * kLn2), x);
  r = fma(n, x.like(-2 * kLn2Low), r);
  const Scalar p = polynomial(r, {1, 1, 0.500000358, 0.166666165, 0.0416611694, 0.00833590887,
                                  0.00141061703, 0.000196440233});
  return {p, from_bits(shift_left(bits(t), 23))};
}

static bool never_positive(const Scalar& x) {
  return x.op() == ScalarOp::neg && x.arg(0).op() == ScalarOp::abs;
}

Scalar expand_exp(const Scalar& x) {
  // Beyond the limits the result is 0 and infinity.
  const Scalar limited = at_least(never_positive(x) ? x : at_most(x, 176), -174);
  const SplitExp e = split_exp(limited);
  return e.p * e.scale * e.scale;
}

Scalar expand_expm1(const Scalar& x) {
  const double shift = kRoundAndBias - 1;
  const Scalar limited = at_least(at_most(x, 89), -25);
  const Scalar t = fma(limited, x.like(kInverseLn2), x.like(shift));
  const Scalar n = t - shift;
  Scalar r = fma(n, x.like(-kLn2), limited);
  r = fma(n, x.like(-kLn2Low), r);
  const Scalar tail =
      polynomial(r, {0.49999997, 0.16666539, 0.0416677557, 0.00836712401, 0.00138358248});
  const Scalar p = fma(r * r, tail, r);
  // Half the result, because 2^n may be 2^128.
  const Scalar half_scale = from_bits(shift_left(bits(t), 23));
  const Scalar half = fma(half_scale, p, half_scale - 0.5);
  // Near 0, halving would round denormals, and lose the sign of 0.
  return select(abs(x) < x.like(0x1p-30), x, half + half);
}

Scalar expand_tanh(const Scalar& x) {
  const Scalar a = at_most(abs(x), 10);  // tanh 10 rounds to 1
  const Scalar s = a * a;
  const Scalar small =
      fma(a * s, polynomial(s, {-0.333328754, 0.133190662, -0.0525642782, 0.0162312798}), a);
  // 1 - 2 / (e^2a + 1), with a = n ln 2 / 2 + r. The fraction is at most a half of the result, and
  // so is its error.
  const Scalar t = fma(a, x.like(2 * kInverseLn2), x.like(kRoundAndBias));
  const Scalar r = fma(t - kRoundAndBias, x.like(-kLn2 / 2), a);
  const Scalar p = polynomial(r, {1, 2, 1.99997509, 1.33338654, 0.670005143, 0.265341967});
  const Scalar large = 1.0 - 2.0 / fma(from_bits(shift_left(bits(t), 23)), p, x.like(1));
  return with_sign(select(a < x.like(0.5625), small, large), x);
}

// e^|x| / 2; overflows where sinh and cosh do.
static Scalar half_exp(const Scalar& x) {
  const SplitExp e = split_exp(at_most(abs(x), 176));
  return e.p * e.scale * (e.scale * 0.5);
}

Scalar expand_sinh(const Scalar& x) {
  const Scalar a = abs(x), s = x * x, h = half_exp(x);
  const Scalar small =
      fma(a * s, polynomial(s, {0.166666672, 0.00833331048, 0.000198428956, 2.78221205e-06}), a);
  return with_sign(select(a < x.like(1), small, h - 0.25 / h), x);
}

Scalar expand_cosh(const Scalar& x) {
  const Scalar h = half_exp(x);
  return h + 0.25 / h;
}

}  // namespace cnnc::math

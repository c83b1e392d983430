// sin, cos, tan: the argument is brought to [-pi / 4, pi / 4] in f64, right for every finite f32,
// then f32 polynomials.
#include "ir/math/expansions.h"

namespace cnnc::math {

namespace {
// |x| = (pi / 2) quadrant + r.
struct ReducedAngle {
  Scalar quadrant;  // i32, modulo 2^31
  Scalar r;         // f32
};

// 2 / pi times `1 / scale`, without multiples of 4 (full turns), as the sum of `high` (multiple of
// 2^-27), `middle` (multiple of 2^-56) and `low`. The product of `high` and an f32 is exact in f64.
struct TwoOverPi {
  double scale, high, middle, low;
};
}  // namespace

// The first entry serves |x| < 2^26, entry k > 0 serves 2^(21 k + 5) <= |x| < 2^(21 k + 26): there
// scaled |x| is an integer, which multiples of 4 need, and below 2^44, so that its product with
// `high` is rounded to an integer within 2^-9.
static constexpr TwoOverPi kTwoOverPi[] = {
    {1, 0x1.45f306c000000p-1, 0x1.c9c882a000000p-29, 0x1.4fe13abe8fa9ap-59},
    {0x1p-3, 0x1.17cc1b8000000p+0, -0x1.b1bbeae000000p-29, 0x1.3f84eafa3ea6ap-58},
    {0x1p-24, -0x1.236377c000000p-1, -0x1.5ac07b2000000p-29, 0x1.5f47d4d377037p-58},
    {0x1p-45, 0x1.054a7f0000000p-1, 0x1.3abe8fc000000p-30, -0x1.65911f924eb53p-58},
    {0x1p-66, -0x1.ec54180000000p-5, 0x1.f534ddc000000p-30, 0x1.b6c52b3278872p-63},
    {0x1p-87, -0x1.70565a0000000p-4, 0x1.dc0db62000000p-29, 0x1.2b32788720840p-58},
};

// The member of the table's entry for |x| = a.
static Scalar table_entry(const Scalar& a, double TwoOverPi::*member) {
  Scalar value = a.like(kTwoOverPi[0].*member);
  for (size_t k = 1; k < std::size(kTwoOverPi); ++k)
    value = select(a < a.like(0x1p23 / kTwoOverPi[k].scale), value, a.like(kTwoOverPi[k].*member));
  return value;
}

static ReducedAngle reduce(const Scalar& x) {
  const Scalar a = cast(abs(x), DType::f64);
  const Scalar scaled = a * table_entry(a, &TwoOverPi::scale);
  const Scalar middle = table_entry(a, &TwoOverPi::middle);
  const Scalar product = scaled * table_entry(a, &TwoOverPi::high);
  // Adding 1.5 2^52 rounds to an integer, found in the sum's low bits.
  const double round = 0x1.8p52;
  const Scalar shifted = fma(scaled, middle, product) + round;
  Scalar turns =
      fma(scaled, middle, product - (shifted - round));  // quarter turns, about half a one at most
  turns = fma(scaled, table_entry(a, &TwoOverPi::low), turns);
  const Scalar r = turns * 0x1.921fb54442d18p+0;
  return {cast(bitcast(shifted, DType::i64), DType::i32), cast(r, DType::f32)};
}

static Scalar i32(int32_t value) { return Scalar::constant_int(DType::i32, value); }

static Scalar is_odd(const Scalar& quadrant) { return bit_and(quadrant, i32(1)) != i32(0); }

// sin((pi / 2) quadrant + r).
static Scalar sin_of(const Scalar& quadrant, const Scalar& r) {
  const Scalar s = r * r;
  const Scalar sin = fma(r * s, polynomial(s, {-0.166666552, 0.00833218917, -0.000195182933}), r);
  const Scalar cos = polynomial(s, {1, -0.5, 0.0416666456, -0.00138873095, 2.44323273e-05});
  const Scalar sign = bit_and(shift_left(quadrant, 30), i32(INT32_MIN));
  return from_bits(bit_xor(bits(select(is_odd(quadrant), cos, sin)), sign));
}

static Scalar times_sign(const Scalar& value, const Scalar& x) {
  return from_bits(bit_xor(bits(value), bit_and(bits(x), i32(INT32_MIN))));
}

Scalar expand_sin(const Scalar& x) {
  const ReducedAngle angle = reduce(x);
  return times_sign(sin_of(angle.quadrant, angle.r), x);
}

Scalar expand_cos(const Scalar& x) {
  const ReducedAngle angle = reduce(x);
  return sin_of(angle.quadrant + i32(1), angle.r);
}

Scalar expand_tan(const Scalar& x) {
  const ReducedAngle angle = reduce(x);
  const Scalar s = angle.r * angle.r;
  const Scalar tail = polynomial(
      s, {0.333333343, 0.1333538, 0.0536387265, 0.023747623, 0.00406867266, 0.00888816081});
  const Scalar tan = fma(angle.r * s, tail, angle.r);
  return times_sign(select(is_odd(angle.quadrant), -1.0 / tan, tan), x);
}

}  // namespace cnnc::math

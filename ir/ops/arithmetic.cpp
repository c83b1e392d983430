// Element-wise arithmetic.
#include <cmath>

#include "ir/op_def.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

CNNC_OP(Add)
    .doc("a + b; integers wrap around.")
    .onnx({1, 6, 7, 13, 14})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .elementwise([](Scalar a, Scalar b) { return a + b; })
    .example({random(f32, {2, 3, 4}), random(f32, {3, 1})})
    .example({random(f64, {3, 1}), random(f64, {2, 1, 4})})
    .example({random(f16, {5}), random(f16, {})})
    .example({random(i8, {2, 3}, -100, 100), random(i8, {3}, -100, 100)});

CNNC_OP(Sub)
    .doc("a - b; integers wrap around.")
    .onnx({1, 6, 7, 13, 14})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .elementwise([](Scalar a, Scalar b) { return a - b; })
    .example({random(f32, {2, 3, 4}), random(f32, {4})})
    .example({random(f64, {2, 3}), random(f64, {2, 3})})
    .example({random(u8, {2, 3}, 0, 200), random(u8, {2, 1}, 0, 200)});

CNNC_OP(Mul)
    .doc("a b; integers wrap around.")
    .onnx({1, 6, 7, 13, 14})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .elementwise([](Scalar a, Scalar b) { return a * b; })
    .example({random(f32, {2, 1, 4}), random(f32, {3, 1})})
    .example({random(f64, {2, 3}), random(f64, {2, 3})})
    .example({random(bf16, {2, 3}), random(bf16, {3})})
    .example({random(i64, {2, 3}, -100, 100), random(i64, {}, -100, 100)});

CNNC_OP(Div)
    .doc("a / b; integers truncate, and give 0 when b is 0.")
    .onnx({1, 6, 7, 13, 14})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .elementwise([](Scalar a, Scalar b) { return a / b; })
    .example({random(f32, {2, 3, 4}), random(f32, {3, 1}, 0.5, 2)})
    .example({random(f64, {2, 3}), random(f64, {2, 3}, 0.5, 2)})
    .example({random(i32, {2, 3}, -100, 100), random(i32, {3}, 1, 10)});

// x^n for integers: square and multiply. Beyond 63 every base but 0, 1 and -1 has overflowed, and
// for those only the parity of n counts. Negative powers of integers are 0, except those of 1 and
// -1.
Scalar integer_power(const Scalar& x, const Scalar& exponent) {
  const Scalar zero = Scalar::i64(0), one = Scalar::i64(1);
  const Scalar magnitude = abs(exponent);
  const Scalar odd = rem(magnitude, Scalar::i64(2));
  const Scalar n = select(magnitude > Scalar::i64(63), odd + 62.0, magnitude);
  Scalar result = x.like(1), square = x, rest = n;
  for (int bit = 0; bit < 6; ++bit) {
    result = select(rem(rest, Scalar::i64(2)) == one, result * square, result);
    rest = rest / Scalar::i64(2);
    square = square * square;
  }
  Scalar unit = x == x.like(1);
  if (is_signed_int(x.dtype())) unit = unit || x == Scalar::constant_int(x.dtype(), -1);
  return select(exponent < zero && !unit, x.like(0), result);
}

CNNC_OP(Pow)
    .doc("x to the power of y, in the type of x.")
    .onnx({1, 7, 12, 13, 15})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("X", kNumberTypes)
    .input("Y", kNumberTypes, "T1")
    .elementwise([](Scalar x, Scalar y) {
      if (is_float(x.dtype())) return pow(x, cast(y, x.dtype()));
      if (is_int(y.dtype())) return integer_power(x, cast(y, i64));
      return cast(pow(cast(x, f64), cast(y, f64)), x.dtype());
    })
    .example({random(f32, {2, 3, 4}, 0.1, 2), random(f32, {3, 1}, -2, 3)})
    .example({random(f64, {2, 3}, 0.1, 2), random(f64, {2, 3}, -2, 3)})
    .example({random(f32, {2, 3}), random(i64, {3}, 0, 4)})
    .example({random(f32, {2, 3}, 0, 2), random(f16, {3}, 0, 4)})
    .example({random(i32, {2, 3}, -5, 5), random(i32, {3}, 0, 6)});

// The remainder with the sign of the divisor; a zero has that sign too.
Scalar floor_mod(const Scalar& a, const Scalar& b) {
  const Scalar r = rem(a, b);
  if (is_unsigned_int(a.dtype())) return r;
  const Scalar zero = a.like(0);
  const Scalar signed_zero = is_float(a.dtype()) ? select(b < zero, a.like(-0.0), zero) : zero;
  return select(r == zero, signed_zero, select((r < zero) != (b < zero), r + b, r));
}

CNNC_OP(Mod)
    .doc(
        "Remainder of a / b: with the sign of b, or with that of a when fmod = 1. Integers give 0 "
        "when b is 0.")
    .onnx({10, 13, 28})
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .attribute("fmod", 0)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      return c.integer("fmod") ? rem(x[0], x[1]) : floor_mod(x[0], x[1]);
    })
    .example({random(i32, {2, 3}, -20, 20), random(i32, {3}, 1, 7)})
    .example({random(i64, {2, 3}, -20, 20), random(i64, {2, 3}, -7, -1)}, {{"fmod", 1}})
    .example({random(u8, {2, 3}, 0, 200), random(u8, {3}, 1, 7)})
    .example({random(f32, {2, 3}, -20, 20), random(f32, {3}, 1, 7)}, {{"fmod", 1}})
    .example({random(f32, {2, 3}, -20, 20), random(f32, {3}, -7, -1)});

CNNC_OP(Neg)
    .doc("-x.")
    .onnx({1, 6, 13})
    .input("X", kNumberTypes)
    .elementwise([](Scalar x) { return -x; })
    .example({random(f32, {2, 3, 4})})
    .example({random(f64, {3})})
    .example({random(i32, {2, 3}, -100, 100)});

CNNC_OP(Abs)
    .doc("|x|.")
    .onnx({1, 6, 13})
    .input("X", kNumberTypes)
    .elementwise([](Scalar x) { return is_unsigned_int(x.dtype()) ? x : abs(x); })
    .example({random(f32, {2, 3, 4})})
    .example({random(f64, {3})})
    .example({random(i8, {2, 3}, -100, 100)})
    .example({random(u16, {2, 3}, 0, 60000)});

CNNC_OP(Sqrt)
    .doc("Square root; NaN for negative numbers.")
    .onnx({1, 6, 13})
    .input("X", kFloatTypes)
    .elementwise([](Scalar x) { return sqrt(x); })
    .example({random(f32, {2, 3, 4}, 0, 9)})
    .example({random(f64, {3}, 0.1, 9)})
    .example({random(f16, {}, 0, 9)});

CNNC_OP(Reciprocal)
    .doc("1 / x.")
    .onnx({1, 6, 13})
    .input("X", kFloatTypes)
    .elementwise([](Scalar x) { return 1.0 / x; })
    .example({random(f32, {2, 3, 4}, 0.5, 2)})
    .example({random(f64, {3}, 0.5, 2)});

CNNC_OP(Floor)
    .doc("The largest whole number <= x.")
    .onnx({1, 6, 13})
    .input("X", kFloatTypes)
    .elementwise([](Scalar x) { return floor(x); })
    .example({random(f32, {2, 3, 4}, -9, 9)})
    .example({random(bf16, {3}, -9, 9)});

CNNC_OP(Ceil)
    .doc("The smallest whole number >= x.")
    .onnx({1, 6, 13})
    .input("X", kFloatTypes)
    .elementwise([](Scalar x) { return ceil(x); })
    .example({random(f32, {2, 3, 4}, -9, 9)})
    .example({random(f64, {3}, -9, 9)});

CNNC_OP(Round)
    .doc("The nearest whole number; halves go to the even one.")
    .onnx({11, 22})
    .input("X", kFloatTypes)
    .elementwise([](Scalar x) { return round_even(x); })
    .example({given(Tensor::of<float>(f32, {6}, {-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.4f}))})
    .example({random(f64, {2, 3}, -9, 9)});

CNNC_OP(Sign)
    .doc("-1, 0 or 1; NaN stays NaN.")
    .onnx({9, 13})
    .input("input", kNumberTypes)
    .elementwise([](Scalar x) {
      const Scalar zero = x.like(0), one = x.like(1);
      if (is_unsigned_int(x.dtype())) return select(x == zero, zero, one);
      const Scalar minus_one = Scalar::constant_int(x.dtype(), -1);
      // What is neither greater, less nor equal is NaN.
      return select(x > zero, one, select(x < zero, minus_one, select(x == zero, zero, x)));
    })
    .example({given(Tensor::of<float>(f32, {4}, {-3, 0, 4, NAN}))})
    .example({random(f64, {2, 3})})
    .example({random(i32, {2, 3}, -2, 2)})
    .example({random(u8, {2, 3}, 0, 3)});

}  // namespace
}  // namespace cnnc

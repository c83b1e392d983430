// Element-wise comparisons, logic and bits.
#include <cmath>

#include "ir/op_def.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

const DTypes kBoolAndIntTypes{boolean, i8, i16, i32, i64, u8, u16, u32, u64};

const DTypes kComparedTypes = [] {
  DTypes types = kWideTypes;
  types.push_back(string);
  return types;
}();

CNNC_OP(Equal)
    .doc("a == b; NaN equals nothing, strings are compared byte by byte.")
    .onnx({1, 7, 11, 13, 19})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kComparedTypes)
    .input("B", kComparedTypes)
    .elementwise([](Scalar a, Scalar b) { return a == b; })
    .example({random(string, {2, 3, 4}, 0, 3), random(string, {3, 1}, 0, 3)})
    .example({random(i32, {2, 3, 4}, 0, 3), random(i32, {3, 1}, 0, 3)})
    .example({random(f16, {2, 3}), random(f16, {2, 3})})
    .example({random(boolean, {5}, 0, 2), random(boolean, {}, 0, 2)});

CNNC_OP(Greater)
    .doc("a > b; false when one is NaN.")
    .onnx({1, 7, 9, 13})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .elementwise([](Scalar a, Scalar b) { return a > b; })
    .example({random(f32, {2, 3, 4}), random(f32, {3, 1})})
    .example({random(u8, {2, 3}, 0, 9), random(u8, {2, 3}, 0, 9)});

CNNC_OP(Less)
    .doc("a < b; false when one is NaN.")
    .onnx({1, 7, 9, 13})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .elementwise([](Scalar a, Scalar b) { return a < b; })
    .example({random(f32, {2, 3, 4}), random(f32, {3, 1})})
    .example({random(i64, {2, 3}, -9, 9), random(i64, {}, -9, 9)});

CNNC_OP(GreaterOrEqual)
    .doc("a >= b; false when one is NaN.")
    .onnx({12, 16})
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .elementwise([](Scalar a, Scalar b) { return a >= b; })
    .example({random(f64, {2, 3, 4}), random(f64, {3, 1})})
    .example({random(i16, {2, 3}, 0, 3), random(i16, {2, 3}, 0, 3)});

CNNC_OP(LessOrEqual)
    .doc("a <= b; false when one is NaN.")
    .onnx({12, 16})
    .input("A", kNumberTypes)
    .input("B", kNumberTypes)
    .elementwise([](Scalar a, Scalar b) { return a <= b; })
    .example({random(bf16, {2, 3, 4}), random(bf16, {3, 1})})
    .example({random(u64, {2, 3}, 0, 3), random(u64, {2, 3}, 0, 3)});

CNNC_OP(And)
    .doc("a and b.")
    .onnx({1, 7})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kBoolType)
    .input("B", kBoolType)
    .elementwise([](Scalar a, Scalar b) { return a && b; })
    .example({random(boolean, {2, 3, 4}, 0, 2), random(boolean, {3, 1}, 0, 2)});

CNNC_OP(Or)
    .doc("a or b.")
    .onnx({1, 7})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kBoolType)
    .input("B", kBoolType)
    .elementwise([](Scalar a, Scalar b) { return a || b; })
    .example({random(boolean, {2, 3, 4}, 0, 2), random(boolean, {3, 1}, 0, 2)});

CNNC_OP(Xor)
    .doc("Exactly one of a and b.")
    .onnx({1, 7})
    .onnx_upgrade(6, align_legacy_broadcast)
    .input("A", kBoolType)
    .input("B", kBoolType)
    .elementwise([](Scalar a, Scalar b) { return a != b; })
    .example({random(boolean, {2, 3, 4}, 0, 2), random(boolean, {3, 1}, 0, 2)});

CNNC_OP(Not)
    .doc("not x.")
    .onnx({1})
    .input("X", kBoolType)
    .elementwise([](Scalar x) { return !x; })
    .example({random(boolean, {2, 3}, 0, 2)});

const DTypes kTestedTypes{f32, f64, f16, bf16, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz};

// Narrow floats are tested as the f32 that they stand for.
Scalar widened(const Scalar& x) { return is_narrow(x.dtype()) ? cast(x, f32) : x; }

CNNC_OP(IsNaN)
    .doc("Whether x is NaN.")
    .onnx({9, 13, 20})
    .input("X", kTestedTypes)
    .elementwise([](Scalar x) { return is_nan(widened(x)); })
    .example({given(Tensor::of<uint8_t>(f8e5m2, {4}, {0x7C, 0x7D, 0xFF, 1}))})
    .example({given(Tensor::of<float>(f32, {4}, {1, NAN, INFINITY, -NAN}))})
    .example({given(Tensor::of<double>(f64, {2}, {NAN, 0}))});

CNNC_OP(IsInf)
    .doc("Whether x is infinite; detect_negative and detect_positive choose the signs that count.")
    .onnx({10, 20})
    .input("X", kTestedTypes)
    .attribute("detect_negative", 1)
    .attribute("detect_positive", 1)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      const Scalar number = widened(x[0]);
      Scalar result = Scalar::boolean(false);
      if (c.integer("detect_positive")) result = result || number == number.like(INFINITY);
      if (c.integer("detect_negative")) result = result || number == number.like(-INFINITY);
      return result;
    })
    .example({given(Tensor::of<float>(f32, {4}, {1, NAN, INFINITY, -INFINITY}))})
    .example({given(Tensor::of<uint8_t>(f8e5m2, {4}, {0x7C, 0x7D, 0xFC, 1}))})
    .example({given(Tensor::of<double>(f64, {3}, {1, INFINITY, -INFINITY}))},
             {{"detect_negative", 0}})
    .example({given(Tensor::of<float>(f32, {3}, {1, INFINITY, -INFINITY}))},
             {{"detect_positive", 0}});

Scalar shift(ScalarOp op, const Scalar& x, const Scalar& count) {
  return Scalar::make(op, x.dtype(), {x, count});
}

// What remains when a signed shift goes out of range is the sign bit's extension alone.
Scalar signed_shift(bool left, const Scalar& x, const Scalar& count) {
  const auto bits = static_cast<double>(8 * size_of(x.dtype()));
  const Scalar in_range = count >= x.like(0) && count < x.like(bits);
  if (left) return select(in_range, shift(ScalarOp::shl, x, count), x.like(0));
  return shift(ScalarOp::shr, x, select(in_range, count, x.like(bits - 1)));
}

CNNC_OP(BitShift)
    .doc(
        "x shifted by y bits to the `direction` LEFT or RIGHT; to the right signed numbers keep "
        "their sign.")
    .onnx({11, 28})
    .input("X", kIntTypes)
    .input("Y", kIntTypes)
    .required_attribute("direction", "RIGHT")
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      const std::string& direction = c.text("direction");
      c.require(direction == "LEFT" || direction == "RIGHT", "direction is ", quoted(direction),
                ", need LEFT or RIGHT");
      const bool left = direction == "LEFT";
      if (is_signed_int(c.dtype())) return signed_shift(left, x[0], x[1]);
      return shift(left ? ScalarOp::shl : ScalarOp::shr, x[0], x[1]);
    })
    .example({random(u8, {2, 3}, 0, 255), random(u8, {3}, 0, 10)}, {{"direction", "LEFT"}})
    .example({random(u64, {2, 3}, 0, 9999), random(u64, {2, 1}, 0, 10)}, {{"direction", "RIGHT"}})
    .example({random(i16, {2, 3}, -999, 999), random(i16, {3}, -3, 20)}, {{"direction", "RIGHT"}})
    .example({random(i32, {2, 3}, -999, 999), random(i32, {3}, -3, 40)}, {{"direction", "LEFT"}});

CNNC_OP(BitwiseAnd)
    .doc("a and b, bit by bit.")
    .onnx({18})
    .input("A", kIntTypes)
    .input("B", kIntTypes)
    .elementwise([](Scalar a, Scalar b) {
      return Scalar::make(ScalarOp::bit_and, a.dtype(), {a, b});
    })
    .example({random(u8, {2, 3, 4}, 0, 255), random(u8, {3, 1}, 0, 255)})
    .example({random(i64, {2, 3}, -999, 999), random(i64, {2, 3}, -999, 999)});

CNNC_OP(BitwiseOr)
    .doc("a or b, bit by bit.")
    .onnx({18})
    .input("A", kIntTypes)
    .input("B", kIntTypes)
    .elementwise([](Scalar a, Scalar b) {
      return Scalar::make(ScalarOp::bit_or, a.dtype(), {a, b});
    })
    .example({random(u16, {2, 3, 4}, 0, 999), random(u16, {3, 1}, 0, 999)})
    .example({random(i8, {2, 3}, -99, 99), random(i8, {2, 3}, -99, 99)});

CNNC_OP(BitwiseXor)
    .doc("Either a or b, bit by bit.")
    .onnx({18})
    .input("A", kIntTypes)
    .input("B", kIntTypes)
    .elementwise([](Scalar a, Scalar b) {
      return Scalar::make(ScalarOp::bit_xor, a.dtype(), {a, b});
    })
    .example({random(u32, {2, 3, 4}, 0, 999), random(u32, {3, 1}, 0, 999)})
    .example({random(i32, {2, 3}, -999, 999), random(i32, {2, 3}, -999, 999)});

CNNC_OP(BitwiseNot)
    .doc("x with every bit turned.")
    .onnx({18})
    .input("X", kBoolAndIntTypes)
    .elementwise([](Scalar x) { return bit_not(x); })
    .example({random(u8, {2, 3}, 0, 255)})
    .example({random(i32, {2, 3}, -999, 999)});

}  // namespace
}  // namespace cnnc

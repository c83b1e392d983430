#include <limits>

#include "ir/math/expansions.h"

namespace cnnc::math {

Scalar polynomial(const Scalar& x, std::initializer_list<double> c) {
  auto it = c.end();
  Scalar sum = x.like(*--it);
  while (it != c.begin()) sum = fma(sum, x, x.like(*--it));
  return sum;
}

Scalar at_most(const Scalar& x, double limit) {
  return select(x.like(limit) < x, x.like(limit), x);
}
Scalar at_least(const Scalar& x, double limit) {
  return select(x < x.like(limit), x.like(limit), x);
}

Scalar with_sign(const Scalar& magnitude, const Scalar& sign) {
  const Scalar sign_bit = Scalar::constant_int(DType::i32, std::numeric_limits<int32_t>::min());
  return from_bits(bit_or(bits(magnitude), bit_and(bits(sign), sign_bit)));
}

Scalar infinity() { return Scalar::constant(DType::f32, std::numeric_limits<double>::infinity()); }
Scalar not_a_number() {
  return Scalar::constant(DType::f32, std::numeric_limits<double>::quiet_NaN());
}

Scalar bits(const Scalar& x) { return bitcast(x, DType::i32); }
Scalar from_bits(const Scalar& i) { return bitcast(i, DType::f32); }

static Scalar integer(ScalarOp op, const Scalar& a, const Scalar& b) {
  return Scalar::make(op, a.dtype(), {a, b});
}

Scalar shift_left(const Scalar& i, int count) {
  return integer(ScalarOp::shl, i, Scalar::constant_int(i.dtype(), count));
}
Scalar shift_right(const Scalar& i, int count) {
  return integer(ScalarOp::shr, i, Scalar::constant_int(i.dtype(), count));
}
Scalar bit_and(const Scalar& a, const Scalar& b) { return integer(ScalarOp::bit_and, a, b); }
Scalar bit_or(const Scalar& a, const Scalar& b) { return integer(ScalarOp::bit_or, a, b); }
Scalar bit_xor(const Scalar& a, const Scalar& b) { return integer(ScalarOp::bit_xor, a, b); }

}  // namespace cnnc::math

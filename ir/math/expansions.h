// The expansion of each elementary function of an f32 argument. Private to expand_math.
//
// All are branch-free and written so that each line is one vector instruction on x86: clamps are
// `select(limit < x, ...)` (minps, maxps: they pass NaN through), powers of two are built with
// integer arithmetic, roundings to an integer add and subtract a large number. They rely on every
// operator being rounded on its own: the consumer must not contract a * b + c or reassociate.
#pragma once
#include <initializer_list>

#include "ir/scalar.h"

namespace cnnc::math {

// exp.cpp
Scalar expand_exp(const Scalar& x);
Scalar expand_expm1(const Scalar& x);
Scalar expand_tanh(const Scalar& x);
Scalar expand_sinh(const Scalar& x);
Scalar expand_cosh(const Scalar& x);
// log.cpp
Scalar expand_log(const Scalar& x);
Scalar expand_log1p(const Scalar& x);
Scalar expand_asinh(const Scalar& x);
Scalar expand_acosh(const Scalar& x);
Scalar expand_atanh(const Scalar& x);
// erf.cpp
Scalar expand_erf(const Scalar& x);
// trig.cpp
Scalar expand_sin(const Scalar& x);
Scalar expand_cos(const Scalar& x);
Scalar expand_tan(const Scalar& x);
// inverse_trig.cpp
Scalar expand_asin(const Scalar& x);
Scalar expand_acos(const Scalar& x);
Scalar expand_atan(const Scalar& x);
// pow.cpp
Scalar expand_pow(const Scalar& x, const Scalar& y);

// ---- building blocks (blocks.cpp) ----

// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule; the coefficients have the type of x.
Scalar polynomial(const Scalar& x, std::initializer_list<double> c);
// x limited from one side; NaN stays NaN.
Scalar at_most(const Scalar& x, double limit);
Scalar at_least(const Scalar& x, double limit);
// |magnitude| with the sign of `sign`, for a magnitude whose sign bit is clear.
Scalar with_sign(const Scalar& magnitude, const Scalar& sign);
Scalar infinity();
Scalar not_a_number();

// Integer operators, which have no spelling of their own on Scalars. Bits of an f32 are i32.
Scalar bits(const Scalar& x);
Scalar from_bits(const Scalar& i);
Scalar shift_left(const Scalar& i, int count);
Scalar shift_right(const Scalar& i, int count);  // arithmetic on signed types
Scalar bit_and(const Scalar& a, const Scalar& b);
Scalar bit_or(const Scalar& a, const Scalar& b);
Scalar bit_xor(const Scalar& a, const Scalar& b);

}  // namespace cnnc::math

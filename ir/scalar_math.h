// Elementary functions as scalar expressions, so that every consumer computes the same bits.
#pragma once
#include "ir/scalar.h"

namespace cnnc {

// Replaces f32 exp, log, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh, erf, log1p, expm1 and pow
// by polynomials over the primitive operators (fma, bitcast, integer arithmetic, select, ...), branch-free, for vector
// code. The same bits on every target. f64 functions and everything else stay as they are.
Scalar expand_math(const Scalar& expr);

}  // namespace cnnc

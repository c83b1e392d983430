// Elementary functions as scalar expressions, so that every consumer computes the same bits.
#pragma once
#include "ir/scalar.h"

namespace cnnc {

// Replaces the f32 functions below by polynomials over the primitive operators (fma, bitcast,
// integer arithmetic, select, ...), branch-free, for vector code; f16 and bf16 functions too, by
// way of f32. f64 functions and everything else stay as they are.
//
// Largest error in units of the last place, over all f32 arguments, denormal results included:
//
//   exp, tanh, log, erf, expm1, log1p, sin, cos, cosh   2
//   tan, asin, acos, atan, sinh, asinh, acosh, atanh    3
//   pow                                                 1.5
//   sigmoid (an expression of exp, see ir/scalar.h)     3
//
// NaN, infinities, signed zeros and the special cases of pow come out as IEEE 754 says. sin, cos
// and tan are right for arguments of any size.
//
// The result has the same bits on every target, provided that each operator is rounded on its own:
// no contraction, no reassociation, no flushing of denormals. fma must be one rounding; targets
// without the instruction (x86-64-v2) get a library call for it from LLVM, slow but equal. pow, and
// the reductions of sin, cos and tan, use f64 inside.
Scalar expand_math(const Scalar& expr);

}  // namespace cnnc

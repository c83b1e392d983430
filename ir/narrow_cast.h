// Conversions from and to the narrow types, as scalar expressions over integers: no consumer of Scalars knows more of a
// narrow type than that it is a byte.
#pragma once
#include "ir/scalar.h"

namespace cnnc {

// What ONNX's Cast lets one choose.
struct CastMode {
  // Whether a number beyond the range of an 8-bit float becomes the end of the range; else it becomes infinity or,
  // where the type has none, NaN. f4e2m1 always saturates, integers always wrap around.
  bool saturate = true;
  // To f8e8m0 only: away from zero, towards zero, or to the nearest power of two with halves upwards.
  enum Rounding { up, down, nearest } rounding = up;
};

// `x` as `dtype`; the mode matters where `dtype` is narrow.
Scalar cast(const Scalar& x, DType dtype, const CastMode& mode);
// The same, one of the two types being narrow. Every other type rounds to nearest even, once; integers are first truncated. NaN
// becomes 0 in an integer and a zero in f4e2m1. The result is a bitcast where `dtype` is narrow.
Scalar narrow_cast(const Scalar& x, DType dtype, const CastMode& mode = {});

}  // namespace cnnc

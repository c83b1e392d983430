// A positive f32 taken apart. Private to ir/math.
#pragma once
#include "ir/scalar.h"

namespace cnnc::math {

// x = 2^exponent * mantissa, sqrt(1/2) <= mantissa < sqrt(2), for positive finite x.
struct FloatParts {
  Scalar exponent;  // i32
  Scalar mantissa;  // f32
};

FloatParts parts_of_normal(const Scalar& x);
FloatParts parts(const Scalar& x);  // denormals too

}  // namespace cnnc::math

// The ends of an element type's range, from which maxima and minima start.
#pragma once
#include "ir/scalar.h"

namespace cnnc {

// -infinity for floats, false for bool.
Scalar lowest(DType dtype);
// +infinity for floats, true for bool.
Scalar highest(DType dtype);

}  // namespace cnnc

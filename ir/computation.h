// What an operator computes, element by element: the one description that interpreter, compiler and autodiff share.
#pragma once
#include <vector>

#include "ir/scalar.h"
#include "ir/type.h"

namespace cnnc {

// For each point of `space` (the output's axes):
//   without reduction axes, the output element is `value`;
//   with them, the accumulators start at `init`, are updated at every point of `reduce` in row-major order, and the output
//   element is `value`.
// Expressions: `elements` see index(0..) over space then reduce. `combine[k]` sees param(0..n-1), the accumulators, and
// param(n..2n-1), the elements. `value` sees index over space and, with a reduction, param(k) = accumulator k.
struct Computation {
  DType dtype = DType::f32;
  Dims space;
  Dims reduce;
  Scalars elements;
  Scalars init;
  Scalars combine;
  Scalar value;

  bool is_reduction() const { return !init.empty(); }
};

}  // namespace cnnc

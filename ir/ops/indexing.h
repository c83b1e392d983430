// Index arithmetic that several movement operators share.
#pragma once
#include "ir/op_def.h"

namespace cnnc {

// Where the element at `at` of a tensor of shape `result` lies in a tensor of shape `source` that
// has the same elements in row-major order. Axes that both shapes have in common keep their index
// without any division.
Scalars reshaped_indices(const Dims& result, const Dims& source, const Scalars& at);

// The position that `index` names on an axis of `size`: negative ones count from the end, and what
// is out of range is moved to the nearest end, so that no load leaves the operand.
Scalar position_on_axis(const Scalar& index, const Dim& size);

// i mod n in [0, n), for any i; 0 when n is 0.
Scalar wrapped(const Scalar& i, const Scalar& n);

// The only element of an operand of rank 0 or 1.
Scalar load_single(const OpContext& c, size_t operand);

// `indices` with one replaced, inserted or taken out.
Scalars replaced(Scalars indices, int axis, const Scalar& index);
Scalars without(Scalars indices, int axis);

}  // namespace cnnc

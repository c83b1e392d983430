// Equal parts of expressions as one.
#pragma once
#include "ir/scalar.h"

namespace cnnc {

// The same expressions, in which parts that are written alike are the same node, also across expressions: who computes each
// node once computes no part twice.
Scalars with_equal_parts_shared(const Scalars& exprs);

}  // namespace cnnc

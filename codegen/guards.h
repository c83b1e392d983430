// Guards of an expression that one loop alone decides: Concat's pieces, Pad's borders.
#pragma once
#include <vector>

#include "ir/scalar.h"

namespace cnnc::codegen {

// Ascending points of `loop` inside (0, extent) between which no guard of `expr` that depends on this loop only changes;
// empty when there is none, or more than `limit`.
std::vector<int64_t> guard_breaks(const Scalar& expr, int loop, int64_t extent, size_t limit);
// The expression where `first` <= index(loop) < `end`: guards that this decides are gone.
Scalar within_range(const Scalar& expr, int loop, int64_t first, int64_t end);

}  // namespace cnnc::codegen

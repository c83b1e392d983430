// The families of rewrites that bring a graph to its simplest form.
#pragma once
#include <vector>

#include "passes/rewrite.h"

namespace cnnc {

// Operators that return an operand as it is.
std::vector<Rewrite> no_op_rewrites();
// Views become one Reshape with a constant shape; shapes that arithmetic on sizes makes become constants.
std::vector<Rewrite> reshape_rewrites();
std::vector<Rewrite> shape_operand_rewrites();
// Gathers of one known index become slices.
std::vector<Rewrite> gather_rewrites();
// Casts of casts.
std::vector<Rewrite> cast_rewrites();
// Arithmetic with constants; costly operators become cheap ones.
std::vector<Rewrite> arithmetic_rewrites();
std::vector<Rewrite> strength_rewrites();
// Relu, Clip, Min and Max with constants.
std::vector<Rewrite> clamp_rewrites();
// Pools over the whole image become reductions.
std::vector<Rewrite> pool_rewrites();

}  // namespace cnnc

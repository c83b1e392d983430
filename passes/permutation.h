// Permutations of axes, as Transpose has them: axis k of the result is axis perm[k] of the operand.
#pragma once
#include <optional>

#include "ir/graph.h"

namespace cnnc {

using Permutation = Ints;

Permutation identity_permutation(int rank);
bool is_identity(const Permutation& perm);
Permutation inverse(const Permutation& perm);
// The permutation of transpose(transpose(x, first), second).
Permutation compose(const Permutation& first, const Permutation& second);
// Where axis `a` of the operand ends up.
int64_t moved_axis(const Permutation& perm, int64_t axis);
// The sizes of transpose(x, perm).
Dims permuted(const Dims& dims, const Permutation& perm);
// Only axes of size 1 change places, so that the elements stay in order.
bool keeps_element_order(const Dims& dims, const Permutation& perm);
// [N, C, spatial...] to [N, spatial..., C].
Permutation to_channels_last(int rank);

// What a Transpose node does; its default written out.
Permutation permutation_of(const Node& transpose);
// transpose(value, perm), through a Transpose that computes the value; the value itself when
// nothing moves.
Value* transposed(Graph& graph, Value* value, const Permutation& perm);
// Operand 1 of a Reshape from `from` to `to`: numbers, one size that is left and sizes that stay.
// None when that cannot express the sizes.
std::optional<Ints> reshape_operand(const Dims& from, const Dims& to);

}  // namespace cnnc

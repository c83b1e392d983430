// What the types of nodes take for granted about sizes that only a run knows.
//
// Concat(f32[batch,16], f32[n,16], axis = 1) has a type for any batch and n, and a value only where they are equal. Whoever
// runs a graph asks for these conditions first, because what computes the nodes relies on them.
#pragma once
#include <string>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

// Those of one node and of its body; none when all its sizes are known or equal.
std::vector<SizeCondition> size_conditions(const Node& node);

}  // namespace cnnc

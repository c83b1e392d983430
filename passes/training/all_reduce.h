// Sums over the processes that train together.
#pragma once
#include <vector>

#include "ir/graph.h"

namespace cnnc {

// What these f32 values are when they are summed over all processes. They go in buckets, in the order in which they are
// computed: the sum of a bucket begins as soon as its last value is there, and all of them end at the end of the graph.
std::vector<Value*> all_reduced(Graph& graph, const std::vector<Value*>& values);

}  // namespace cnnc

// Random graphs for comparing engines.
#pragma once
#include <cstdint>
#include <memory>

#include "ir/graph.h"

namespace cnnc {

// The size of the first axis where it is symbolic.
inline constexpr const char* kFuzzBatch = "batch";

// A graph of about `steps` nodes over one or two inputs: element-wise operators, reductions, movement,
// convolutions, products, pools and normalizations, whose sizes are often 1 or odd. The same for the
// same seed, and the first steps are the same for any number of steps.
std::unique_ptr<Graph> random_graph(uint64_t seed, int steps);

}  // namespace cnnc

// Inputs of a graph for tests: seeded, so that a failure can be repeated.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

struct RandomRange {
  double low = -1, high = 1;  // of floats; integers are in [0, 8)
};

// Small sizes, distinct as far as possible, for all symbols of the graph's inputs.
std::map<std::string, int64_t> small_sizes(const Graph& graph);
Tensor random_tensor(DType dtype, const Shape& shape, uint64_t seed, RandomRange range = {});
// One tensor for each input; inputs whose elements are known sizes get those.
std::vector<Tensor> random_inputs(const Graph& graph, const std::map<std::string, int64_t>& symbols, uint64_t seed,
                                  RandomRange range = {});

// Empty when the two agree: integers and bools exactly, floats within `tolerance` relative to max(1, |expected|), NaN
// with NaN. Else where and how they differ.
std::string relative_difference(const Tensor& actual, const Tensor& expected, double tolerance);

}  // namespace cnnc

// Tensors from files, random tensors, and how far two tensors are apart.
#pragma once
#include <string>
#include <vector>

#include "ir/graph.h"
#include "runtime/cnnc.h"

namespace cnnc::tools {

// The type of what a file holds. Throws Error when no model has such elements.
Type type_in_file(const cnnc_tensor_view& tensor, const std::string& path);
// Reads .pb or .npy. Throws Error.
Tensor read_tensor(const std::string& path);
// prefix_0.pb (or .npy), prefix_1.pb, ... of a folder, as many as there are.
std::vector<Tensor> read_tensors(const std::string& folder, const std::string& prefix);
// Seeded numbers for every input of a graph: floats in [-1, 1), integers in [0, 2). Symbols are 1.
std::vector<Tensor> random_inputs(const Graph& graph, uint64_t seed);

struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-4;  // times the largest magnitude that is expected
};
struct Difference {
  bool fits = true;
  double worst = 0;    // largest |found - expected| / (absolute * largest + relative * |expected|); fits up to 1
  double error = 0;    // largest |found - expected|
  std::string reason;  // why it does not fit
};
Difference compare(const Tensor& found, const Tensor& expected, const Tolerance& tolerance);

}  // namespace cnnc::tools

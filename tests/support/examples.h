// One-node graphs from the examples that operators declare.
#pragma once
#include <memory>
#include <vector>

#include "ir/op_def.h"

namespace cnnc {

struct ExampleGraph {
  std::unique_ptr<Graph> graph;
  Node* node = nullptr;
  std::vector<Tensor> inputs;
  // All operands of the node, null where absent; they live in `inputs` and in the graph's
  // constants.
  std::vector<const Tensor*> operands() const;
};

// Random operands become inputs of the graph, given ones constants.
ExampleGraph example_graph(const OpDef& op, const Example& example, unsigned seed = 1);

// Numbers in [low, high), the same for the same seed; integers are truncated.
Tensor random_tensor(DType dtype, const Shape& shape, double low, double high, unsigned seed);

// Empty when the tensors agree: exactly, or, for floats, within `units` units in the last place of
// the greater one (or of 1, for numbers below). Otherwise says where and how they differ.
std::string difference(const Tensor& expected, const Tensor& actual, double units);

}  // namespace cnnc

// One-node graphs from the examples that operators declare.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
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

// Random operands become inputs of the graph, given ones constants. `symbols` gives the sizes that
// the inputs' tensors have.
ExampleGraph example_graph(const OpDef& op, const Example& example, unsigned seed = 1,
                           const std::map<std::string, int64_t>& symbols = {});

// The name of the size in symbolic examples.
inline constexpr const char* kExampleSymbol = "n";
// The example with a symbol for the first size of its first random operand, and for that of each
// other one where it is the same. Nothing where the operator needs to know the size.
std::optional<Example> symbolic_example(const OpDef& op, const Example& example);
// The size that the symbol stands for.
std::optional<int64_t> first_size(const Example& example);

// Numbers in [low, high), the same for the same seed; integers are truncated.
Tensor random_tensor(DType dtype, const Shape& shape, double low, double high, unsigned seed);

// Empty when the tensors agree: exactly, or, for floats, within `units` units in the last place of
// the greater one (or of 1, for numbers below). Otherwise says where and how they differ.
std::string difference(const Tensor& expected, const Tensor& actual, double units);

}  // namespace cnnc

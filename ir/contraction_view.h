// A node as a contraction kernel sees it: one Conv, ConvTranspose or MatMul, an epilogue on its result, strides of its operands.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/scalar.h"

namespace cnnc {

// An operand of the root, seen through a Transpose in front of it.
struct StridedOperand {
  int operand = -1;  // of the whole node; -1: absent
  Dims dims;         // as the root sees them
  Dims strides;      // in elements
};

struct ContractionView {
  const Node* root = nullptr;  // Conv, ConvTranspose or MatMul: the node itself, or the one in its fused body
  std::vector<StridedOperand> operands;  // of the root, in its order
  Type root_type;  // of the root's result
  // The element to store of each result, over param(0) = the root's element, index(axis of the result) and loads of the whole
  // node's operands. Empty when there is one result and it is param(0) itself.
  Scalars results;
};

// `node` is a Conv, ConvTranspose or MatMul, or a Fused node whose body is [Transposes of operands], one of them, and element-wise
// operators on its result, which may return several results of equal sizes. Otherwise nullopt, and why.
std::optional<ContractionView> contraction_view(const Node& node, std::string* why_not = nullptr);
// The same for the body of a Fused node that does not exist yet; operands are the body's inputs.
std::optional<ContractionView> contraction_view(const Graph& body, std::string* why_not = nullptr);

// Whether the node's time goes into products: a contraction, the gradient of one's weights, or a Fused node with one of them.
bool is_contraction(const Node& node);

}  // namespace cnnc

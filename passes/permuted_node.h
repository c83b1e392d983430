// How operators compute when the axes of their operands are permuted: what lets a Transpose move
// through them.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "passes/permutation.h"

namespace cnnc {

// A node that computes transpose(r, result) for every result r of another one, from transposed
// operands.
struct PermutedNode {
  std::string op;
  Attributes attributes;
  // Operands that are transposed by the permutation; those of fewer axes get axes of size 1 in
  // front first. The others are those of the original node.
  std::vector<size_t> transposed;
  // Operands of integers that take the place of the original ones, such as the axes of a reduction.
  std::map<size_t, Tensor> replaced;
  Permutation result;
};

// The node under operands whose axes are permuted by `perm`; none when a Transpose cannot move
// through it.
std::optional<PermutedNode> permuted_node(const Node& node, const Permutation& perm);

// The rules of one operator family; null when the operator is not of the family.
using PermutationRule = std::optional<PermutedNode> (*)(const Node& node, const Permutation& perm);
PermutationRule movement_rule(const std::string& op);
PermutationRule reduction_rule(const std::string& op);
PermutationRule view_rule(const std::string& op);

// What most rules begin with: the same node with operand 0 transposed, and so its results. None
// when the operand has another number of axes than the permutation.
std::optional<PermutedNode> with_transposed_data(const Node& node, const Permutation& perm);
// A constant operand of axes or other integers, of the type of the original when there is one.
Tensor integer_operand(const Node& node, size_t operand, const Ints& values);
// Axes, which may count from the end, where the permutation puts them.
Ints moved_axes(const Ints& axes, const Permutation& perm);
// What is left of a permutation when axes of its operand are gone.
Permutation without_axes(const Permutation& perm, Ints axes);

}  // namespace cnnc

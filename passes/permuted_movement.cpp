// Operators that join, cut and repeat along axes, or add up neighbours.
#include "passes/permuted_node.h"

namespace cnnc {
namespace {

std::optional<PermutedNode> concat(const Node& node, const Permutation& perm) {
  auto result = with_transposed_data(node, perm);
  if (!result) return std::nullopt;
  result->attributes["axis"] = moved_axes({node.int_attribute("axis")}, perm)[0];
  for (size_t i = 1; i < node.inputs().size(); ++i) result->transposed.push_back(i);
  return result;
}

std::optional<PermutedNode> split(const Node& node, const Permutation& perm) {
  auto result = with_transposed_data(node, perm);
  if (result) result->attributes["axis"] = moved_axes({node.int_attribute("axis")}, perm)[0];
  return result;
}

// Slice and Pad: operand 3 has the axes that operand 1 is about; without it the axes are the first
// `count`.
std::optional<PermutedNode> with_axes_operand(const Node& node, const Permutation& perm,
                                              int64_t count) {
  auto result = with_transposed_data(node, perm);
  if (!result) return std::nullopt;
  Ints axes = identity_permutation(static_cast<int>(count));
  if (node.input(3)) {
    const auto known = node.input(3)->known_ints();
    if (!known) return std::nullopt;
    axes = *known;
  }
  result->replaced.emplace(3, integer_operand(node, node.input(3) ? 3 : 1, moved_axes(axes, perm)));
  return result;
}

std::optional<PermutedNode> slice(const Node& node, const Permutation& perm) {
  const Dim& count = node.input(1)->dim(0);
  return count.is_const() ? with_axes_operand(node, perm, count.value()) : std::nullopt;
}

std::optional<PermutedNode> pad(const Node& node, const Permutation& perm) {
  return with_axes_operand(node, perm, node.input(0)->rank());
}

// Operand 1 has one number for each axis.
std::optional<PermutedNode> with_sizes_operand(const Node& node, const Permutation& perm) {
  if (node.output()->rank() != static_cast<int>(perm.size())) return std::nullopt;
  auto sizes = node.input(1)->known_ints();
  if (!sizes) return std::nullopt;
  sizes->insert(sizes->begin(), perm.size() - sizes->size(), 1);
  Ints moved;
  for (int64_t a : perm) moved.push_back((*sizes)[static_cast<size_t>(a)]);
  PermutedNode result{node.op_name(), node.attributes(), {0}, {}, perm};
  result.replaced.emplace(1, integer_operand(node, 1, moved));
  return result;
}

// One index takes its axis away; indices with one axis put as many axes as they take away.
std::optional<PermutedNode> gather(const Node& node, const Permutation& perm) {
  if (node.input(1)->rank() > 1) return std::nullopt;
  auto result = split(node, perm);
  if (!result || node.input(1)->rank() == 1) return result;
  const int64_t axis = node.int_attribute("axis");
  result->result = without_axes(perm, {axis < 0 ? axis + static_cast<int64_t>(perm.size()) : axis});
  return result;
}

// Scales, sizes and roi are in the order of the axes.
std::optional<PermutedNode> resize(const Node& node, const Permutation& perm) {
  auto result = with_transposed_data(node, perm);
  if (!result) return std::nullopt;
  const Ints axes = node.ints_attribute("axes");
  result->attributes["axes"] = moved_axes(axes.empty() ? identity_permutation(static_cast<int>(perm.size())) : axes, perm);
  return result;
}

}  // namespace

PermutationRule movement_rule(const std::string& op) {
  static const std::map<std::string, PermutationRule> rules = {
      {"Concat", concat},
      {"Split", split},
      {"Slice", slice},
      {"Pad", pad},
      {"Expand", with_sizes_operand},
      {"Tile", with_sizes_operand},
      {"Gather", gather},
      {"Resize", resize},
      {"WindowSums", split},
      {"BandedProduct", split},
  };
  const auto it = rules.find(op);
  return it == rules.end() ? nullptr : it->second;
}

}  // namespace cnnc

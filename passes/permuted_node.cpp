#include "passes/permuted_node.h"

#include <algorithm>

#include "ir/op_def.h"

namespace cnnc {

std::optional<PermutedNode> with_transposed_data(const Node& node, const Permutation& perm) {
  if (node.input(0) == nullptr || node.input(0)->rank() != static_cast<int>(perm.size()))
    return std::nullopt;
  return PermutedNode{node.op_name(), node.attributes(), {0}, {}, perm};
}

Tensor integer_operand(const Node& node, size_t operand, const Ints& values) {
  const Value* original = node.input(operand);
  Tensor tensor(original ? original->dtype() : DType::i64, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i) tensor.set_int(static_cast<int64_t>(i), values[i]);
  return tensor;
}

Ints moved_axes(const Ints& axes, const Permutation& perm) {
  const auto rank = static_cast<int64_t>(perm.size());
  Ints moved;
  for (int64_t a : axes) moved.push_back(moved_axis(perm, a < 0 ? a + rank : a));
  return moved;
}

Permutation without_axes(const Permutation& perm, Ints axes) {
  std::sort(axes.begin(), axes.end());
  Permutation rest;
  for (int64_t a : perm) {
    if (std::binary_search(axes.begin(), axes.end(), a)) continue;
    const auto gone = std::lower_bound(axes.begin(), axes.end(), a) - axes.begin();
    rest.push_back(a - gone);
  }
  return rest;
}

namespace {

std::optional<PermutedNode> elementwise(const Node& node, const Permutation& perm) {
  if (node.output()->rank() != static_cast<int>(perm.size())) return std::nullopt;
  PermutedNode result{node.op_name(), node.attributes(), {}, {}, perm};
  for (size_t i = 0; i < node.inputs().size(); ++i)
    if (node.input(i)) result.transposed.push_back(i);
  return result;
}

// Softmax and the like: one axis, given by an attribute, and a result of the same sizes.
std::optional<PermutedNode> along_axis(const Node& node, const Permutation& perm) {
  auto result = with_transposed_data(node, perm);
  if (result) result->attributes["axis"] = moved_axes({node.int_attribute("axis")}, perm)[0];
  return result;
}

// The same for operands that are all of the result's rank.
std::optional<PermutedNode> all_along_axis(const Node& node, const Permutation& perm) {
  auto result = elementwise(node, perm);
  if (result) result->attributes["axis"] = moved_axes({node.int_attribute("axis")}, perm)[0];
  return result;
}

// Axes from `axis` on are normalised as one and have to stay as they are.
std::optional<PermutedNode> layer_normalization(const Node& node, const Permutation& perm) {
  auto result = with_transposed_data(node, perm);
  if (!result) return std::nullopt;
  const int64_t axis = node.int_attribute("axis"), rank = node.input(0)->rank();
  for (int64_t a = axis < 0 ? axis + rank : axis; a < rank; ++a)
    if (perm[static_cast<size_t>(a)] != a) return std::nullopt;
  for (size_t i = 1; i < node.inputs().size(); ++i)
    if (node.input(i)) result->transposed.push_back(i);
  return result;
}

std::optional<PermutedNode> mean_variance(const Node& node, const Permutation& perm) {
  auto result = with_transposed_data(node, perm);
  if (result) result->attributes["axes"] = moved_axes(node.ints_attribute("axes"), perm);
  return result;
}

// Where the statistics are per channel and over all that follows, the order of the other axes does
// not matter.
std::optional<PermutedNode> per_channel(const Node& node, const Permutation& perm) {
  return perm.size() >= 2 && perm[0] == 0 && perm[1] == 1 ? with_transposed_data(node, perm)
                                                          : std::nullopt;
}

// Eight samples share a byte, so the first axis stays the first.
std::optional<PermutedNode> dropout_select(const Node& node, const Permutation& perm) {
  return perm[0] == 0 ? elementwise(node, perm) : std::nullopt;
}

PermutationRule normalization_rule(const std::string& op) {
  static const std::map<std::string, PermutationRule> rules = {
      {"DropoutSelect", dropout_select},
      {"Softmax", along_axis},
      {"LogSoftmax", along_axis},
      {"Hardmax", along_axis},
      {"SoftmaxCrossEntropy", all_along_axis},
      {"SoftmaxCrossEntropyGradient", all_along_axis},
      {"LpNormalization", along_axis},
      {"LayerNormalization", layer_normalization},
      {"RMSNormalization", layer_normalization},
      {"MeanVarianceNormalization", mean_variance},
      {"InstanceNormalization", per_channel},
      {"GroupNormalization", per_channel},
  };
  const auto it = rules.find(op);
  return it == rules.end() ? nullptr : it->second;
}

}  // namespace

std::optional<PermutedNode> permuted_node(const Node& node, const Permutation& perm) {
  if (node.op().is_elementwise()) return elementwise(node, perm);
  for (const auto& family : {normalization_rule, movement_rule, reduction_rule, view_rule})
    if (const PermutationRule rule = family(node.op_name())) return rule(node, perm);
  return std::nullopt;
}

}  // namespace cnnc

// Operators that take away axes or make them 1: reductions, pools over whole images.
#include <algorithm>

#include "passes/permuted_node.h"

namespace cnnc {
namespace {

Ints counted_from_start(Ints axes, const Permutation& perm) {
  for (int64_t& a : axes)
    if (a < 0) a += static_cast<int64_t>(perm.size());
  return axes;
}

std::optional<PermutedNode> reduction(const Node& node, const Permutation& perm) {
  auto result = with_transposed_data(node, perm);
  if (!result) return std::nullopt;
  Ints axes;
  if (node.input(1)) {
    const auto known = node.input(1)->known_ints();
    if (!known) return std::nullopt;
    axes = counted_from_start(*known, perm);
  }
  if (axes.empty()) {
    if (node.int_attribute("noop_with_empty_axes")) return result;
    axes = identity_permutation(static_cast<int>(perm.size()));
  } else {
    result->replaced.emplace(1, integer_operand(node, 1, moved_axes(axes, perm)));
  }
  if (!node.int_attribute("keepdims")) result->result = without_axes(perm, axes);
  return result;
}

std::optional<PermutedNode> arg_reduction(const Node& node, const Permutation& perm) {
  auto result = with_transposed_data(node, perm);
  if (!result) return std::nullopt;
  const Ints axis = counted_from_start({node.int_attribute("axis")}, perm);
  result->attributes["axis"] = moved_axes(axis, perm)[0];
  if (!node.int_attribute("keepdims")) result->result = without_axes(perm, axis);
  return result;
}

// Pools know two layouts.
std::optional<PermutedNode> global_pool(const Node& node, const Permutation& perm) {
  auto result = with_transposed_data(node, perm);
  if (!result) return std::nullopt;
  const bool is_last = node.int_attribute("channels_last") != 0;
  const Permutation last = to_channels_last(static_cast<int>(perm.size()));
  if (perm != (is_last ? inverse(last) : last)) return std::nullopt;
  result->attributes["channels_last"] = int64_t{!is_last};
  return result;
}

}  // namespace

PermutationRule reduction_rule(const std::string& op) {
  if (op == "ArgMax" || op == "ArgMin") return arg_reduction;
  if (op == "GlobalAveragePool" || op == "GlobalMaxPool" || op == "GlobalLpPool")
    return global_pool;
  return op.compare(0, 6, "Reduce") == 0 ? reduction : nullptr;
}

}  // namespace cnnc

// Views: Reshape, Flatten, Squeeze, Unsqueeze. A Transpose moves through one that keeps together
// what it merges.
#include <algorithm>

#include "passes/permuted_node.h"

namespace cnnc {
namespace {

// Neighbouring axes of the operand that hold the same elements as neighbouring axes of the result.
struct AxisGroup {
  Ints from, to;
};

// Axes that have not size 1.
Ints proper_axes(const Dims& dims) {
  Ints axes;
  for (size_t a = 0; a < dims.size(); ++a)
    if (!(dims[a] == 1)) axes.push_back(static_cast<int64_t>(a));
  return axes;
}

// Axes of one side, taken one after the other, and how many elements those of the group at hand
// hold.
struct Side {
  const Dims& dims;
  Ints axes;
  size_t next = 0;
  Dim elements = 1;

  bool take(Ints& group) {
    if (next == axes.size()) return false;
    elements = elements * dims[static_cast<size_t>(axes[next])];
    group.push_back(axes[next++]);
    return true;
  }
};

// Takes axes from both sides until they hold equally many elements. Symbolic sizes are merged,
// never split.
std::optional<AxisGroup> next_group(Side& from, Side& to) {
  AxisGroup group;
  from.elements = to.elements = 1;
  if (!from.take(group.from) || !to.take(group.to)) return std::nullopt;
  while (!(from.elements == to.elements)) {
    const bool both = from.elements.is_const() && to.elements.is_const();
    const bool merge = both ? from.elements.value() < to.elements.value() : !to.elements.is_const();
    if (!(merge ? from.take(group.from) : to.take(group.to))) return std::nullopt;
  }
  return group;
}

std::optional<std::vector<AxisGroup>> axis_groups(const Dims& from, const Dims& to) {
  const auto is_zero = [](const Dim& d) { return d == 0; };
  if (std::any_of(from.begin(), from.end(), is_zero)) return std::nullopt;
  Side ours{from, proper_axes(from)}, theirs{to, proper_axes(to)};
  std::vector<AxisGroup> groups;
  while (ours.next < ours.axes.size() || theirs.next < theirs.axes.size()) {
    auto group = next_group(ours, theirs);
    if (!group) return std::nullopt;
    groups.push_back(std::move(*group));
  }
  return groups;
}

// Axes of size 1 of the result go with the group in front of them, the first ones with the first
// group.
void add_unit_axes(const Dims& to, std::vector<AxisGroup>& groups) {
  for (size_t a = 0; a < to.size(); ++a) {
    if (!(to[a] == 1)) continue;
    const auto axis = static_cast<int64_t>(a);
    size_t at = 0;
    while (at + 1 < groups.size() && groups[at + 1].to.front() < axis) ++at;
    Ints& axes = groups[at].to;
    axes.insert(std::lower_bound(axes.begin(), axes.end(), axis), axis);
  }
}

// The result's axes in the order in which the permuted operand holds them; none when a group is
// torn apart.
std::optional<Permutation> result_order(const Dims& from, const std::vector<AxisGroup>& groups,
                                        const Permutation& perm) {
  Ints order;
  for (int64_t a : perm)
    if (!(from[static_cast<size_t>(a)] == 1)) order.push_back(a);
  Permutation result;
  for (size_t k = 0; k < order.size();) {
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [&](const AxisGroup& g) { return g.from.front() == order[k]; });
    if (group == groups.end()) return std::nullopt;
    for (int64_t a : group->from)
      if (k == order.size() || order[k++] != a) return std::nullopt;
    result.insert(result.end(), group->to.begin(), group->to.end());
  }
  return result;
}

std::optional<PermutedNode> view(const Node& node, const Permutation& perm) {
  if (node.input(0)->rank() != static_cast<int>(perm.size())) return std::nullopt;
  const Dims &from = node.input(0)->type().dims, &to = node.output()->type().dims;
  auto groups = axis_groups(from, to);
  if (!groups || groups->empty()) return std::nullopt;
  add_unit_axes(to, *groups);
  const auto order = result_order(from, *groups, perm);
  if (!order) return std::nullopt;
  const auto sizes = reshape_operand(permuted(from, perm), permuted(to, *order));
  if (!sizes) return std::nullopt;
  PermutedNode result{"Reshape", {}, {0}, {}, *order};
  result.replaced.emplace(1, Tensor::ints(*sizes));
  return result;
}

}  // namespace

PermutationRule view_rule(const std::string& op) {
  return op == "Reshape" || op == "Flatten" || op == "Squeeze" || op == "Unsqueeze" ? view
                                                                                    : nullptr;
}

}  // namespace cnnc

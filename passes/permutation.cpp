#include "passes/permutation.h"

#include <numeric>

#include "ir/error.h"

namespace cnnc {

Permutation identity_permutation(int rank) {
  Permutation perm(static_cast<size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  return perm;
}

bool is_identity(const Permutation& perm) {
  return perm == identity_permutation(static_cast<int>(perm.size()));
}

Permutation inverse(const Permutation& perm) {
  Permutation result(perm.size());
  for (size_t k = 0; k < perm.size(); ++k)
    result[static_cast<size_t>(perm[k])] = static_cast<int64_t>(k);
  return result;
}

Permutation compose(const Permutation& first, const Permutation& second) {
  CNNC_CHECK(first.size() == second.size())
      << "permutations of " << first.size() << " and " << second.size() << " axes";
  Permutation result;
  for (int64_t k : second) result.push_back(first[static_cast<size_t>(k)]);
  return result;
}

int64_t moved_axis(const Permutation& perm, int64_t axis) {
  return inverse(perm)[static_cast<size_t>(axis)];
}

Dims permuted(const Dims& dims, const Permutation& perm) {
  Dims result;
  for (int64_t a : perm) result.push_back(dims[static_cast<size_t>(a)]);
  return result;
}

bool keeps_element_order(const Dims& dims, const Permutation& perm) {
  int64_t last = -1;
  for (int64_t a : perm) {
    if (dims[static_cast<size_t>(a)] == 1) continue;
    if (a < last) return false;
    last = a;
  }
  return true;
}

Permutation to_channels_last(int rank) {
  Permutation perm = identity_permutation(rank);
  perm.erase(perm.begin() + 1);
  perm.push_back(1);
  return perm;
}

Permutation permutation_of(const Node& transpose) {
  const int rank = transpose.input(0)->rank();
  Permutation perm;
  if (transpose.attribute("perm"))
    perm = transpose.ints_attribute("perm");
  else
    for (int a = rank; a-- > 0;) perm.push_back(a);
  for (int64_t& a : perm)
    if (a < 0) a += rank;
  return perm;
}

Value* transposed(Graph& graph, Value* value, const Permutation& perm) {
  if (is_identity(perm)) return value;
  const Node* producer = value->producer();
  if (producer && producer->is("Transpose"))
    return transposed(graph, producer->input(0), compose(permutation_of(*producer), perm));
  return graph.make("Transpose", {value}, {{"perm", perm}});
}

std::optional<Ints> reshape_operand(const Dims& from, const Dims& to) {
  Ints sizes;
  std::optional<size_t> left;
  Dim rest = 1;
  for (size_t k = 0; k < to.size(); ++k) {
    if (to[k] == 0) return std::nullopt;  // 0 would copy a size
    const bool stays = !to[k].is_const() && k < from.size() && from[k] == to[k];
    if (!to[k].is_const() && !stays && left) return std::nullopt;
    if (!to[k].is_const() && !stays)
      left = k;
    else
      rest = rest * to[k];
    sizes.push_back(to[k].is_const() ? to[k].value() : stays ? 0 : -1);
  }
  if (left && !(Dim::floor_div(product(from), rest) == to[*left])) return std::nullopt;
  return sizes;
}

}  // namespace cnnc

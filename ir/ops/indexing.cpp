#include "ir/ops/indexing.h"

namespace cnnc {

// Row-major position of `at` within axes [begin, end).
static Scalar flattened(const Dims& dims, const Scalars& at, size_t begin, size_t end) {
  Scalar flat = Scalar::i64(0);
  for (size_t a = begin; a < end; ++a)
    if (!(dims[a] == 1)) flat = flat * Scalar::size(dims[a]) + at[a];
  return flat;
}

// The reverse: indices of axes [begin, end) that lie at row-major position `flat`.
static void unflatten(const Dims& dims, size_t begin, size_t end, Scalar flat, Scalars& indices) {
  size_t first = begin;  // the outermost axis that counts needs no remainder
  while (first < end && dims[first] == 1) ++first;
  for (size_t a = end; a-- > begin;) {
    if (a < first || dims[a] == 1) {
      indices[a] = Scalar::i64(0);
    } else if (a == first) {
      indices[a] = flat;
    } else {
      indices[a] = rem(flat, Scalar::size(dims[a]));
      flat = flat / Scalar::size(dims[a]);
    }
  }
}

static std::vector<Dim> leading_products(const Dims& dims) {
  std::vector<Dim> products{1};
  for (const Dim& d : dims) products.push_back(products.back() * d);
  return products;
}

Scalars reshaped_indices(const Dims& result, const Dims& source, const Scalars& at) {
  const std::vector<Dim> ours = leading_products(result), theirs = leading_products(source);
  Scalars indices(source.size());
  size_t r = 0, s = 0;
  // Wherever the products of the leading sizes agree, the axes before and after are independent.
  for (size_t end = 1; end <= source.size(); ++end) {
    size_t match = r;
    while (match <= result.size() && !(ours[match] == theirs[end])) ++match;
    if (end == source.size()) match = result.size();
    if (match > result.size()) continue;
    unflatten(source, s, end, flattened(result, at, r, match), indices);
    r = match;
    s = end;
  }
  return indices;
}

Scalar position_on_axis(const Scalar& index, const Dim& size) {
  const Scalar n = Scalar::size(size), zero = Scalar::i64(0);
  const Scalar i = cast(index, DType::i64);
  const Scalar from_start = is_unsigned_int(index.dtype()) ? i : select(i < zero, i + n, i);
  return max(zero, min(from_start, n - Scalar::i64(1)));
}

Scalar wrapped(const Scalar& i, const Scalar& n) { return rem(rem(i, n) + n, n); }

Scalar load_single(const OpContext& c, size_t operand) {
  return c.load(operand, Scalars(static_cast<size_t>(c.rank(operand)), Scalar::i64(0)));
}

Scalars replaced(Scalars indices, int axis, const Scalar& index) {
  indices[static_cast<size_t>(axis)] = index;
  return indices;
}

Scalars without(Scalars indices, int axis) {
  indices.erase(indices.begin() + axis);
  return indices;
}

}  // namespace cnnc

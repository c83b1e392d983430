// Affine forms of index expressions: constant + sum of coefficient * loop.
#pragma once
#include <map>
#include <optional>
#include <set>

#include "ir/scalar.h"
#include "ir/type.h"

namespace cnnc {

struct Affine {
  Dim constant = 0;
  std::map<int, Dim> coefficients;  // by loop; none is zero

  Dim coefficient(int loop) const;
  Scalar scalar() const;  // the expression again
};

// The affine form of an i64 expression over index(...) and sizes; nullopt when it has none.
std::optional<Affine> affine_form(const Scalar& expr);
// An index expression as the sum of an affine one and of another, which depends on the loops `elsewhere`.
struct PartlyAffine {
  Affine affine;
  std::set<int> elsewhere;
};
PartlyAffine partly_affine(const Scalar& expr);
// Whether the expression depends on index(loop).
bool depends_on(const Scalar& expr, int loop);
// Elements between neighbours along each axis of a dense row-major tensor.
Dims dense_strides(const Dims& dims);
// The expression with every load's indices replaced by one flat offset; `strides` gives those of an operand.
Scalar flatten_loads(const Scalar& expr, const std::function<Dims(int operand)>& strides);

}  // namespace cnnc

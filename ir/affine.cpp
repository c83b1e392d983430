#include "ir/affine.h"

namespace cnnc {

Dim Affine::coefficient(int loop) const {
  auto it = coefficients.find(loop);
  return it == coefficients.end() ? Dim(0) : it->second;
}

Scalar Affine::scalar() const {
  Scalar sum = Scalar::size(constant);
  for (const auto& [loop, coefficient] : coefficients) sum = sum + Scalar::index(loop) * Scalar::size(coefficient);
  return sum;
}

static Affine combine(const Affine& a, const Affine& b, const Dim& factor) {
  Affine sum = a;
  sum.constant = a.constant + b.constant * factor;
  for (const auto& [loop, coefficient] : b.coefficients) {
    const Dim c = a.coefficient(loop) + coefficient * factor;
    if (c == 0) sum.coefficients.erase(loop);
    else sum.coefficients[loop] = c;
  }
  return sum;
}

std::optional<Affine> affine_form(const Scalar& e) {
  switch (e.op()) {
    case ScalarOp::constant:
      return Affine{e->integer, {}};
    case ScalarOp::size:
      return Affine{e->dim, {}};
    case ScalarOp::index:
      return Affine{0, {{static_cast<int>(e->integer), 1}}};
    case ScalarOp::add:
    case ScalarOp::sub: {
      const auto a = affine_form(e.arg(0)), b = affine_form(e.arg(1));
      if (!a || !b) return std::nullopt;
      return combine(*a, *b, e.op() == ScalarOp::add ? 1 : -1);
    }
    case ScalarOp::neg: {
      const auto a = affine_form(e.arg(0));
      return a ? std::optional(combine({}, *a, -1)) : std::nullopt;
    }
    case ScalarOp::mul: {
      const auto a = affine_form(e.arg(0)), b = affine_form(e.arg(1));
      if (!a || !b) return std::nullopt;
      if (b->coefficients.empty()) return combine({}, *a, b->constant);
      if (a->coefficients.empty()) return combine({}, *b, a->constant);
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

PartlyAffine partly_affine(const Scalar& e) {
  if (const auto affine = affine_form(e)) return {*affine, {}};
  const bool sum = e.op() == ScalarOp::add || e.op() == ScalarOp::sub;
  if (sum || e.op() == ScalarOp::neg) {
    PartlyAffine a = partly_affine(e.arg(0));
    if (!sum) return {combine({}, a.affine, -1), a.elsewhere};
    const PartlyAffine b = partly_affine(e.arg(1));
    a.elsewhere.insert(b.elsewhere.begin(), b.elsewhere.end());
    return {combine(a.affine, b.affine, e.op() == ScalarOp::add ? 1 : -1), a.elsewhere};
  }
  for (size_t k = 0; e.op() == ScalarOp::mul && k < 2; ++k) {
    const auto factor = affine_form(e.arg(1 - k));
    if (!factor || !factor->coefficients.empty()) continue;
    PartlyAffine a = partly_affine(e.arg(k));
    return {combine({}, a.affine, factor->constant), a.elsewhere};
  }
  PartlyAffine other;
  visit(e, [&](const Scalar& part) {
    if (part.op() == ScalarOp::index) other.elsewhere.insert(static_cast<int>(part->integer));
  });
  return other;
}

bool depends_on(const Scalar& expr, int loop) {
  bool found = false;
  visit(expr, [&](const Scalar& e) { found |= e.op() == ScalarOp::index && e->integer == loop; });
  return found;
}

Dims dense_strides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t a = dims.size(); a-- > 1;) strides[a - 1] = strides[a] * dims[a];
  return strides;
}

Scalar flatten_loads(const Scalar& expr, const std::function<Dims(int)>& strides) {
  return rewrite_leaves(expr, [&](const Scalar& leaf) {
    if (leaf.op() != ScalarOp::load) return Scalar();
    const int operand = static_cast<int>(leaf->integer);
    const Dims s = strides(operand);
    Scalar offset = Scalar::i64(0);
    for (size_t a = 0; a < leaf->args.size(); ++a) offset = offset + leaf.arg(a) * Scalar::size(s[a]);
    if (const auto affine = affine_form(offset)) offset = affine->scalar();
    return Scalar::load(operand, leaf.dtype(), {offset});
  });
}

}  // namespace cnnc

#include "ir/scalar_math.h"

#include <unordered_map>

#include "ir/math/expansions.h"

namespace cnnc {

// The expansion of one function of f32 arguments; empty for other operators.
static Scalar expand_f32(ScalarOp op, const Scalars& a) {
  switch (op) {
    case ScalarOp::exp:
      return math::expand_exp(a[0]);
    case ScalarOp::expm1:
      return math::expand_expm1(a[0]);
    case ScalarOp::tanh:
      return math::expand_tanh(a[0]);
    case ScalarOp::sinh:
      return math::expand_sinh(a[0]);
    case ScalarOp::cosh:
      return math::expand_cosh(a[0]);
    case ScalarOp::log:
      return math::expand_log(a[0]);
    case ScalarOp::log1p:
      return math::expand_log1p(a[0]);
    case ScalarOp::asinh:
      return math::expand_asinh(a[0]);
    case ScalarOp::acosh:
      return math::expand_acosh(a[0]);
    case ScalarOp::atanh:
      return math::expand_atanh(a[0]);
    case ScalarOp::erf:
      return math::expand_erf(a[0]);
    case ScalarOp::sin:
      return math::expand_sin(a[0]);
    case ScalarOp::cos:
      return math::expand_cos(a[0]);
    case ScalarOp::tan:
      return math::expand_tan(a[0]);
    case ScalarOp::asin:
      return math::expand_asin(a[0]);
    case ScalarOp::acos:
      return math::expand_acos(a[0]);
    case ScalarOp::atan:
      return math::expand_atan(a[0]);
    case ScalarOp::pow:
      return math::expand_pow(a[0], a[1]);
    default:
      return {};
  }
}

// f16 and bf16 functions are computed in f32 (see the semantics in ir/scalar.h).
static Scalar expand_node(const Scalar& node, const Scalars& args) {
  if (node.dtype() == DType::f32) return expand_f32(node.op(), args);
  if (node.dtype() != DType::f16 && node.dtype() != DType::bf16) return {};
  Scalars wide;
  for (const Scalar& a : args) {
    if (a.dtype() != node.dtype()) return {};
    wide.push_back(cast(a, DType::f32));
  }
  const Scalar result = expand_f32(node.op(), wide);
  return result ? cast(result, node.dtype()) : Scalar();
}

static Scalar with_args(const Scalar& node, Scalars args) {
  bool changed = false;
  for (size_t i = 0; i < args.size(); ++i) changed |= args[i].get() != node.arg(i).get();
  if (!changed) return node;
  if (node.op() == ScalarOp::load)
    return Scalar::load(static_cast<int>(node->integer), node.dtype(), std::move(args));
  return Scalar::make(node.op(), node.dtype(), std::move(args));
}

Scalar expand_math(const Scalar& expr) {
  std::unordered_map<const Scalar::Node*, Scalar> done;
  visit(expr, [&](const Scalar& node) {
    Scalars args;
    for (const Scalar& a : node->args) args.push_back(done.at(a.get()));
    Scalar expanded = expand_node(node, args);
    done[node.get()] = expanded ? expanded : with_args(node, std::move(args));
  });
  return done.at(expr.get());
}

}  // namespace cnnc

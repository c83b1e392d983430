// Derivatives of scalar expressions, by the chain rule from the leaves up.
#include <cmath>
#include <unordered_map>

#include "ir/error.h"
#include "ir/scalar.h"

namespace cnnc {
namespace {

// An empty Scalar stands for zero everywhere in this file, so that constant parts leave no code behind.
bool is_zero(const Scalar& s) { return s.get() == nullptr; }
Scalar sum(const Scalar& a, const Scalar& b) { return is_zero(a) ? b : is_zero(b) ? a : a + b; }
Scalar difference(const Scalar& a, const Scalar& b) { return is_zero(b) ? a : is_zero(a) ? -b : a - b; }
Scalar product(const Scalar& a, const Scalar& b) {
  if (is_zero(a) || is_zero(b)) return {};
  return a.is_constant(1) ? b : b.is_constant(1) ? a : a * b;
}
Scalar or_zero(const Scalar& a, const Scalar& like) { return a ? a : like.like(0); }
Scalar choice(const Scalar& condition, const Scalar& a, const Scalar& b) {
  if (is_zero(a) && is_zero(b)) return {};
  return select(condition, or_zero(a, b), or_zero(b, a));
}

// f'(x) of y = f(x); empty for step functions.
Scalar slope(ScalarOp op, const Scalar& x, const Scalar& y) {
  switch (op) {
    case ScalarOp::neg:
      return x.like(-1);
    case ScalarOp::abs:
      return select(x.like(0) < x, x.like(1), select(x < x.like(0), x.like(-1), x.like(0)));
    case ScalarOp::sqrt:
      return 0.5 / y;
    case ScalarOp::exp:
      return y;
    case ScalarOp::log:
      return 1.0 / x;
    case ScalarOp::sin:
      return cos(x);
    case ScalarOp::cos:
      return -sin(x);
    case ScalarOp::tan:
      return 1.0 + y * y;
    case ScalarOp::asin:
      return 1.0 / sqrt(1.0 - x * x);
    case ScalarOp::acos:
      return -1.0 / sqrt(1.0 - x * x);
    case ScalarOp::atan:
      return 1.0 / (1.0 + x * x);
    case ScalarOp::sinh:
      return cosh(x);
    case ScalarOp::cosh:
      return sinh(x);
    case ScalarOp::tanh:
      return 1.0 - y * y;
    case ScalarOp::asinh:
      return 1.0 / sqrt(x * x + 1.0);
    case ScalarOp::acosh:
      return 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0));
    case ScalarOp::atanh:
      return 1.0 / (1.0 - x * x);
    case ScalarOp::erf:
      return exp(-(x * x)) * (2 / std::sqrt(M_PI));
    case ScalarOp::log1p:
      return 1.0 / (1.0 + x);
    case ScalarOp::expm1:
      return y + 1.0;
    case ScalarOp::floor:
    case ScalarOp::ceil:
    case ScalarOp::trunc:
    case ScalarOp::round_even:
      return {};
    default:
      CNNC_CHECK(false) << "no derivative of " << y.str();
      return {};
  }
}

// d a^b: b a^(b-1) da + a^b log(a) db, with the limits 0 where a factor is 0.
Scalar power_derivative(const Scalar& y, const Scalar& da, const Scalar& db) {
  const Scalar &a = y.arg(0), &b = y.arg(1);
  Scalar by_base, by_exponent;
  if (!is_zero(da) && !b.is_constant(0)) {
    const Scalar slope = b.is_constant(2) ? 2.0 * a : b * pow(a, b - 1.0);
    by_base = product(da, b.is_constant() ? slope : select(b == b.like(0), b.like(0), slope));
  }
  if (!is_zero(db)) by_exponent = product(db, select(a == a.like(0), a.like(0), y * log(a)));
  return sum(by_base, by_exponent);
}

Scalar binary_derivative(const Scalar& y, const Scalar& da, const Scalar& db) {
  const Scalar &a = y.arg(0), &b = y.arg(1);
  switch (y.op()) {
    case ScalarOp::add:
      return sum(da, db);
    case ScalarOp::sub:
      return difference(da, db);
    case ScalarOp::mul:
      return sum(product(da, b), product(a, db));
    case ScalarOp::div: {
      const Scalar numerator = difference(da, product(y, db));
      return numerator ? numerator / b : numerator;
    }
    case ScalarOp::rem:  // a - b trunc(a / b)
      return difference(da, product(db, trunc(a / b)));
    case ScalarOp::pow:
      return power_derivative(y, da, db);
    case ScalarOp::min:
      return choice(a < b, da, db);
    case ScalarOp::max:
      return choice(b < a, da, db);
    case ScalarOp::floor_div:
      return {};
    default:
      CNNC_CHECK(false) << "no derivative of " << y.str();
      return {};
  }
}

class Differentiator {
 public:
  explicit Differentiator(int param) : param_(param) {}

  Scalar operator()(const Scalar& expr) {
    visit(expr, [&](const Scalar& node) { done_[node.get()] = derivative(node); });
    return done_.at(expr.get());
  }

 private:
  const Scalar& of_arg(const Scalar& y, size_t i) const { return done_.at(y.arg(i).get()); }

  Scalar derivative(const Scalar& y) const {
    // What goes through integers, as conversions of narrow types do, has no slope.
    if (!is_float(y.dtype()) || y.op() == ScalarOp::bitcast) return {};
    switch (y.op()) {
      case ScalarOp::constant:
      case ScalarOp::load:
        return {};
      case ScalarOp::param:
        return y->integer == param_ ? y.like(1) : Scalar();
      case ScalarOp::cast:
        return of_arg(y, 0) ? cast(of_arg(y, 0), y.dtype()) : Scalar();
      case ScalarOp::select:
        return choice(y.arg(0), of_arg(y, 1), of_arg(y, 2));
      case ScalarOp::fma:
        return sum(sum(product(of_arg(y, 0), y.arg(1)), product(y.arg(0), of_arg(y, 1))), of_arg(y, 2));
      default:
        break;
    }
    if (y->args.size() == 2) return binary_derivative(y, of_arg(y, 0), of_arg(y, 1));
    return of_arg(y, 0) ? product(of_arg(y, 0), slope(y.op(), y.arg(0), y)) : Scalar();
  }

  int param_;
  std::unordered_map<const Scalar::Node*, Scalar> done_;
};

}  // namespace

Scalar differentiate(const Scalar& expr, int param) { return or_zero(Differentiator(param)(expr), expr); }

}  // namespace cnnc

// Scalar expressions over sizes: arithmetic on shapes, done when types are inferred.
#include <optional>

#include "ir/scalar.h"

namespace cnnc {

namespace {
class DimEvaluator {
 public:
  using Load = std::function<std::optional<Dim>(int, const std::vector<Dim>&)>;
  DimEvaluator(const std::vector<Dim>& indices, const Load& load, const std::vector<Dim>& params)
      : indices_(indices), load_(load), params_(params) {}

  std::optional<Dim> operator()(const Scalar& e) {
    switch (e.op()) {
      case ScalarOp::constant:
        if (is_float(e.dtype())) return std::nullopt;
        return Dim(e->integer);
      case ScalarOp::index:
        return indices_[static_cast<size_t>(e->integer)];
      case ScalarOp::size:
        return e->dim;
      case ScalarOp::param:
        if (static_cast<size_t>(e->integer) >= params_.size()) return std::nullopt;
        return params_[static_cast<size_t>(e->integer)];
      case ScalarOp::select: {
        const auto condition = (*this)(e.arg(0));
        if (!condition || !condition->is_const()) return std::nullopt;
        return (*this)(e.arg(condition->value() ? 1 : 2));
      }
      default:
        break;
    }
    std::vector<Dim> args;
    for (const Scalar& a : e->args) {
      const auto value = (*this)(a);
      if (!value) return std::nullopt;
      args.push_back(*value);
    }
    return apply(e, args);
  }

 private:
  std::optional<Dim> apply(const Scalar& e, const std::vector<Dim>& a) {
    switch (e.op()) {
      case ScalarOp::load:
        return load_(static_cast<int>(e->integer), a);
      case ScalarOp::add:
        return a[0] + a[1];
      case ScalarOp::sub:
        return a[0] - a[1];
      case ScalarOp::mul:
        return a[0] * a[1];
      case ScalarOp::neg:
        return Dim(0) - a[0];
      case ScalarOp::div:
      case ScalarOp::floor_div:
      case ScalarOp::rem:
        return divide(e, a);
      case ScalarOp::min:
        return Dim::min(a[0], a[1]);
      case ScalarOp::max:
        return Dim::max(a[0], a[1]);
      case ScalarOp::abs:
        return Dim::max(a[0], Dim(0) - a[0]);
      case ScalarOp::cast:
        return cast_dim(e.dtype(), a[0]);
      case ScalarOp::eq:
        if (a[0] == a[1]) return Dim(1);
        return decide(a[0] - a[1], [](int64_t low, int64_t) { return low > 0; }, [](int64_t, int64_t high) { return high < 0; }, 0, 0);
      case ScalarOp::lt:
        return decide(a[0] - a[1], [](int64_t low, int64_t) { return low >= 0; }, [](int64_t, int64_t high) { return high < 0; }, 0, 1);
      case ScalarOp::le:
        return decide(a[0] - a[1], [](int64_t low, int64_t) { return low > 0; }, [](int64_t, int64_t high) { return high <= 0; }, 0, 1);
      case ScalarOp::bit_and:
        if (e.dtype() == DType::boolean && a[0].is_const() && a[1].is_const()) return Dim(a[0].value() && a[1].value());
        return std::nullopt;
      case ScalarOp::bit_or:
        if (e.dtype() == DType::boolean && a[0].is_const() && a[1].is_const()) return Dim(a[0].value() || a[1].value());
        return std::nullopt;
      case ScalarOp::bit_not:
        if (e.dtype() == DType::boolean && a[0].is_const()) return Dim(!a[0].value());
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  // Truncating and flooring division agree where neither side can be negative.
  std::optional<Dim> divide(const Scalar& e, const std::vector<Dim>& a) {
    const bool truncates = e.op() != ScalarOp::floor_div;
    const auto al = a[0].lower_bound(), bl = a[1].lower_bound();
    if (!bl || *bl <= 0) return std::nullopt;
    if (truncates && (!al || *al < 0)) {
      if (!a[0].is_const() || !a[1].is_const()) return std::nullopt;
      return e.op() == ScalarOp::rem ? a[0].value() % a[1].value() : a[0].value() / a[1].value();
    }
    return e.op() == ScalarOp::rem ? Dim::mod(a[0], a[1]) : Dim::floor_div(a[0], a[1]);
  }

  static std::optional<Dim> cast_dim(DType dtype, const Dim& a) {
    if (a.is_const()) return is_float(dtype) ? std::nullopt : std::optional<Dim>(Scalar::constant_int(dtype, a.value())->integer);
    // Sizes fit 32 bits in practice; narrower types could wrap.
    if (dtype == DType::i64 || dtype == DType::i32 || dtype == DType::u64) return a;
    return std::nullopt;
  }

  template <typename False, typename True>
  static std::optional<Dim> decide(const Dim& difference, False if_low, True if_high, int64_t low_result,
                                   int64_t high_result) {
    const auto low = difference.lower_bound(), high = difference.upper_bound();
    if (low && if_low(*low, 0)) return Dim(low_result);
    if (high && if_high(0, *high)) return Dim(high_result);
    return std::nullopt;
  }

  const std::vector<Dim>& indices_;
  const Load& load_;
  const std::vector<Dim>& params_;
};
}  // namespace

std::optional<Dim> evaluate_dims(const Scalar& expr, const std::vector<Dim>& indices, const DimEvaluator::Load& load,
                                 const std::vector<Dim>& params) {
  return DimEvaluator(indices, load, params)(expr);
}

}  // namespace cnnc

#include "codegen/guards.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "ir/affine.h"

namespace cnnc::codegen {

namespace {

bool is_comparison(ScalarOp op) { return op == ScalarOp::lt || op == ScalarOp::le || op == ScalarOp::eq; }

// left - right of an i64 comparison as constant + coefficient * index(loop); nullopt when other things are in it.
struct Difference {
  int64_t constant, coefficient;
};

std::optional<Difference> difference_over(const Scalar& comparison, int loop) {
  if (comparison.arg(0).dtype() != DType::i64) return std::nullopt;
  const auto form = affine_form(comparison.arg(0) - comparison.arg(1));
  if (!form || !form->constant.is_const() || form->coefficients.size() != 1) return std::nullopt;
  const auto& [l, c] = *form->coefficients.begin();
  if (l != loop || !c.is_const()) return std::nullopt;
  return Difference{form->constant.value(), c.value()};
}

// The first point at which constant + coefficient * i has passed `bound` (coefficient > 0) or no longer reaches it (< 0).
int64_t crossing(const Difference& d, int64_t bound) {
  // Smallest i with coefficient * i >= bound - constant, for either sign of the coefficient.
  const int64_t rest = d.coefficient > 0 ? bound - d.constant : d.constant - bound + 1;
  const int64_t step = d.coefficient > 0 ? d.coefficient : -d.coefficient;
  return rest >= 0 ? (rest + step - 1) / step : -(-rest / step);
}

}  // namespace

std::vector<int64_t> guard_breaks(const Scalar& expr, int loop, int64_t extent, size_t limit) {
  std::set<int64_t> breaks;
  visit(expr, [&](const Scalar& e) {
    if (!is_comparison(e.op())) return;
    const auto d = difference_over(e, loop);
    if (!d) return;
    // The truth changes where the difference passes 0 or 1.
    for (int64_t bound : {0, 1}) {
      const int64_t at = crossing(*d, bound);
      if (at > 0 && at < extent) breaks.insert(at);
    }
  });
  if (breaks.size() > limit) return {};
  return {breaks.begin(), breaks.end()};
}

Scalar within_range(const Scalar& expr, int loop, int64_t first, int64_t end) {
  std::map<const Scalar::Node*, Scalar> done;
  std::function<Scalar(const Scalar&)> go = [&](const Scalar& e) -> Scalar {
    if (e->args.empty()) return e;
    if (auto it = done.find(e.get()); it != done.end()) return it->second;
    if (is_comparison(e.op())) {
      if (const auto d = difference_over(e, loop)) {
        const int64_t a = d->constant + d->coefficient * first, b = d->constant + d->coefficient * (end - 1);
        const int64_t low = std::min(a, b), high = std::max(a, b);
        const int64_t last_true = e.op() == ScalarOp::lt ? -1 : 0;
        const bool always = e.op() == ScalarOp::eq ? low == 0 && high == 0 : high <= last_true;
        const bool never = e.op() == ScalarOp::eq ? low > 0 || high < 0 : low > last_true;
        if (always || never) return done[e.get()] = Scalar::boolean(always);
      }
    }
    Scalars args;
    for (const Scalar& a : e->args) args.push_back(go(a));
    if (e.op() == ScalarOp::load)
      return done[e.get()] = Scalar::load(static_cast<int>(e->integer), e.dtype(), std::move(args));
    return done[e.get()] = Scalar::make(e.op(), e.dtype(), std::move(args));
  };
  return go(expr);
}

}  // namespace cnnc::codegen

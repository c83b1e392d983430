#include "frontend/dsl/masks.h"

namespace cnnc::dsl {

Tensor masked(const Tensor& x, const std::optional<Tensor>& mask) {
  return Tensor(x.definition(), mask ? mask->definition() : nullptr);
}

std::optional<Tensor> Tensor::mask() const {
  return mask_ ? std::optional(Tensor(mask_)) : std::nullopt;
}

bool any_masked(const Tensors& x) {
  for (const Tensor& t : x)
    if (t.mask()) return true;
  return false;
}

std::optional<Tensor> mask_of_any(const Tensors& x, const Location& where) {
  std::optional<Tensor> all;
  for (const Tensor& t : x) {
    const std::optional<Tensor> mask = t.mask();
    if (!mask || (all && all->definition() == mask->definition())) continue;
    all = all ? record("Or", {*all, *mask}, {}, where) : *mask;
  }
  return all;
}

std::optional<Tensor> mask_of_all(const Tensors& x, const Location& where) {
  for (const Tensor& t : x)
    if (!t.mask() && !t.definition()->variable && !t.definition()->constant) return {};
  return mask_of_any(x, where);
}

static Tensor cast(const Tensor& x, DType to, const Location& where) {
  return record("Cast", {x}, {{"to", to}}, where);
}

Tensor not_equal(const Tensor& x, double value, const Location& where) {
  const Tensor number = constant_tensor(cnnc::Tensor::scalar(x.definition()->type.dtype, value));
  return record("Not", {record("Equal", {masked(x, {}), number}, {}, where)}, {}, where);
}

Tensor with_mask(const Tensor& x, const Tensor& mask, Location where) {
  const Type& type = mask.definition()->type;
  const Shape steps = mask.shape(), shape = x.shape();
  bool fits = steps.size() == 2 && shape.size() >= 2;
  for (size_t i = 1; fits && i < steps.size(); ++i) fits = steps[i] == shape[i] || steps[i] < 0 || shape[i] < 0;
  if (!fits)
    throw Error(cat("with_mask of ", line_of(where), ": the mask is ", type, ", need [batch, steps] of ", x.type()), Fault::usage);
  return masked(x, type.dtype == DType::boolean ? mask : not_equal(mask, 0, where));
}

Tensor without_mask(const Tensor& x) { return masked(x, {}); }

Tensor mask_along(const Tensor& x, int64_t axis, const Location& where) {
  const Tensor mask = *x.mask();
  const int64_t steps = x.shape()[static_cast<size_t>(axis)], given = mask.rank() == 2 ? mask.shape()[1] : 0;
  require(mask.rank() == 2 && (steps == given || steps < 0 || given < 0), "the mask is ", mask.type(),
          ", need [batch, steps] for the steps on axis ", axis, " of ", x.type());
  Ints axes;
  for (int64_t a = 1; a < x.rank(); ++a)
    if (a != axis) axes.push_back(a);
  return record("Unsqueeze", {mask, integers(axes)}, {}, where);
}

// ---- steps that count in front ---------------------------------------------------------------------------------------
static Tensor running_sum(const Tensor& x, const Location& where) {
  return record("CumSum", {x, constant_tensor(cnnc::Tensor::scalar(DType::i64, 1))}, {}, where);
}

// Where the steps of the gathered sequence come from: those that count, then the others.
static Tensor order_of(const Tensor& mask, const Tensor& seen, const Tensor& total, const Location& where) {
  const Tensor missed = running_sum(cast(record("Not", {mask}, {}, where), DType::i64, where), where);
  const Tensor step = seen + missed - 1;
  const Tensor place = record("Where", {mask, seen - 1, total + missed - 1}, {}, where);
  return record("ScatterElements", {step, place, step}, {{"axis", int64_t{1}}}, where);
}

GatheredSteps::GatheredSteps(const Tensor& mask, const Location& where)
    : where_(where),
      seen_(running_sum(cast(mask, DType::i64, where), where)),
      total_(sum(cast(mask, DType::i64, where), {1}, true, where)),
      order_(order_of(mask, seen_, total_, where)) {}

// x[b, steps[b, i]] for each i.
static Tensor taken(const Tensor& x, const Tensor& steps, const Location& where) {
  const Tensor indices = record("Unsqueeze", {steps, integers({2})}, {}, where);
  return record("GatherND", {x, indices}, {{"batch_dims", int64_t{1}}}, where);
}

Tensor GatheredSteps::gathered(const Tensor& x) const { return taken(x, order_, where_); }

Tensor GatheredSteps::lengths() const {
  return cast(record("Squeeze", {total_, integers({1})}, {}, where_), DType::i32, where_);
}

// The states after so many steps; zeros after none.
Tensor GatheredSteps::at(const Tensor& states, const Tensor& count) const {
  return taken(record("Pad", {states, integers({0, 1, 0, 0, 0, 0})}, {}, where_), count, where_);
}

Tensor GatheredSteps::spread(const Tensor& states) const { return at(states, seen_); }

Tensor GatheredSteps::last(const Tensor& states) const {
  return record("Squeeze", {at(states, total_), integers({1})}, {}, where_);
}

}  // namespace cnnc::dsl

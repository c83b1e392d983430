#include "frontend/dsl/random_parts.h"

#include <cmath>

namespace cnnc::dsl {

Tensor when_training(const Tensor& usual, const Tensor& training, const Location& where) {
  return record("WhenTraining", {usual, training}, {}, where);
}

// Seed and stream are given when the training step is made.
static Tensor uniform_part(const Tensor& x, const Location& where) {
  return record("PhiloxUniform", {x, record("StepNumber", {}, {}, where)}, {}, where);
}

Tensor uniform_like(const Tensor& x, double low, double high, const Location& where) {
  const Tensor part = uniform_part(x, where);
  return low == 0 && high == 1 ? part : part * (high - low) + low;
}

// Box and Muller's transform of two uniform numbers, the first one in (0, 1].
Tensor normal_like(const Tensor& x, double mean, double deviation, const Location& where) {
  const Tensor radius = sqrt(log(1 - uniform_part(x, where), where) * -2, where);
  const Tensor angle = uniform_part(x, where) * (2 * M_PI);
  return radius * record("Cos", {angle}, {}, where) * deviation + mean;
}

Tensor first_along(const Tensor& x, const Ints& axes, const Location& where) {
  const Ints zeros(axes.size(), 0), ones(axes.size(), 1);
  return record("Slice", {x, integers(zeros), integers(ones), integers(axes)}, {}, where);
}

Tensor dropped_along(const Tensor& x, const Ints& shared, double rate, const Location& where) {
  if (require_rate(rate) == 0) return x;
  const Tensor threshold = constant_tensor(cnnc::Tensor::scalar(DType::f32, rate));
  const Tensor decision = uniform_like(first_along(x, shared, where), 0, 1, where);
  const Tensor kept = record("GreaterOrEqual", {decision, threshold}, {}, where);
  const Tensor zero = constant_tensor(cnnc::Tensor::scalar(DType::f32, 0));
  return when_training(x, record("Where", {kept, x * (1 / (1 - rate)), zero}, {}, where), where);
}

}  // namespace cnnc::dsl

// Noise that keeps a model from learning its data by heart.
#include <cmath>

#include "cnnc/preprocessing.h"
#include "frontend/dsl/random_parts.h"

namespace cnnc::dsl {

GaussianNoise::GaussianNoise(double deviation, Location where)
    : Layer(
          "GaussianNoise",
          [=](LayerScope&, const Tensors& x) {
            require(deviation >= 0, "the deviation is ", deviation, ", need a number of at least 0");
            return when_training(one(x), x[0] + normal_like(x[0], 0, deviation, where), where);
          },
          where) {
  supports_masking();
}

GaussianDropout::GaussianDropout(double rate, Location where)
    : Layer(
          "GaussianDropout",
          [=](LayerScope&, const Tensors& x) {
            const double deviation = std::sqrt(require_rate(rate) / (1 - rate));
            return when_training(one(x), x[0] * normal_like(x[0], 1, deviation, where), where);
          },
          where) {
  supports_masking();
}

// Dropped elements become what selu gives for minus infinity; a and b then restore mean 0 and variance 1.
static Tensor alpha_dropped(const Tensor& x, double rate, const Location& where) {
  const double lowest = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946;
  const double a = 1 / std::sqrt((1 - rate) * (1 + rate * lowest * lowest)), b = -a * lowest * rate;
  const Tensor threshold = constant_tensor(cnnc::Tensor::scalar(DType::f32, rate));
  const Tensor kept = record("GreaterOrEqual", {uniform_like(x, 0, 1, where), threshold}, {}, where);
  const Tensor replacement = constant_tensor(cnnc::Tensor::scalar(DType::f32, lowest));
  return record("Where", {kept, x, replacement}, {}, where) * a + b;
}

AlphaDropout::AlphaDropout(double rate, Location where)
    : Layer(
          "AlphaDropout",
          [=](LayerScope&, const Tensors& x) {
            if (require_rate(rate) == 0) return one(x);
            return when_training(one(x), alpha_dropped(x[0], rate, where), where);
          },
          where) {
  supports_masking();
}

static Layer::Function spatial_dropout(double rate, int rank, const char* axes, Ints shared, Location where) {
  return [=](LayerScope&, const Tensors& x) { return dropped_along(one_of_rank(x, rank, axes), shared, rate, where); };
}

SpatialDropout1D::SpatialDropout1D(double rate, Location where)
    : Layer("SpatialDropout1D", spatial_dropout(rate, 3, "[batch, steps, features]", {1}, where), where) {
  supports_masking();
}
SpatialDropout2D::SpatialDropout2D(double rate, Location where)
    : Layer("SpatialDropout2D", spatial_dropout(rate, 4, "[batch, channels, height, width]", {2, 3}, where), where) {}
SpatialDropout3D::SpatialDropout3D(double rate, Location where)
    : Layer("SpatialDropout3D",
            spatial_dropout(rate, 5, "[batch, channels, depth, height, width]", {2, 3, 4}, where), where) {}

}  // namespace cnnc::dsl

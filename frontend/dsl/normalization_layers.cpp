// Normalisation and Dropout.
#include "frontend/dsl/layer_parts.h"

namespace cnnc::dsl {

// A weight, or the same numbers as a constant that nothing trains.
static Tensor weight_or_constant(LayerScope& scope, bool is_weight, const char* name, int64_t size,
                                 const Initializer& initializer) {
  if (is_weight) return scope.weight(name, {size}, initializer);
  return constant_tensor(cnnc::Tensor::of<float>(
      DType::f32, {size}, std::vector<float>(static_cast<size_t>(size), static_cast<float>(initializer.scale))));
}

BatchNormalization::BatchNormalization(BatchNormOptions o, Location where)
    : Layer(
          "BatchNormalization",
          [=](LayerScope& scope, const Tensors& x) {
            const Tensor& data = one(x);
            require(data.rank() >= 2, "takes [batch, channels, ...], was given ", data.type());
            const int64_t channels = known_size(data, 1);
            const Tensor gamma = weight_or_constant(scope, o.scale, "gamma", channels, ones);
            const Tensor beta = weight_or_constant(scope, o.center, "beta", channels, zeros);
            const Tensor mean = scope.weight("moving_mean", {channels}, zeros, {}, false);
            const Tensor variance = scope.weight("moving_variance", {channels}, ones, {}, false);
            return record("BatchNormalization", {data, gamma, beta, mean, variance},
                          {{"epsilon", o.epsilon}, {"momentum", o.momentum}}, where);
          },
          where) {}

LayerNormalization::LayerNormalization(double epsilon, Location where)
    : Layer(
          "LayerNormalization",
          [=](LayerScope& scope, const Tensors& x) {
            const int64_t features = known_size(one(x), x[0].rank() - 1);
            const Tensor gamma = scope.weight("gamma", {features}, ones);
            const Tensor beta = scope.weight("beta", {features}, zeros);
            return record("LayerNormalization", {x[0], gamma, beta}, {{"epsilon", epsilon}, {"axis", int64_t{-1}}},
                          where);
          },
          where) {}

LocalResponseNormalization::LocalResponseNormalization(int64_t size, double alpha, double beta, double bias,
                                                       Location where)
    : Layer(
          "LocalResponseNormalization",
          [=](LayerScope&, const Tensors& x) {
            return record("LRN", {one(x)}, {{"size", size}, {"alpha", alpha}, {"beta", beta}, {"bias", bias}}, where);
          },
          where) {}

Dropout::Dropout(double rate, Location where)
    : Layer(
          "Dropout",
          [=](LayerScope&, const Tensors& x) {
            if (require_rate(rate) == 0) return one(x);
            return record("Dropout", {one(x), constant_tensor(cnnc::Tensor::scalar(DType::f32, rate))}, {}, where);
          },
          where) {}

Tensor batch_normalization(const Tensor& x, BatchNormOptions options, Location where) {
  return BatchNormalization(options, where)(x);
}
Tensor dropout(const Tensor& x, double rate, Location where) { return Dropout(rate, where)(x); }

}  // namespace cnnc::dsl

// Normalisation, and layers that act only while training.
#include <cmath>
#include <cstdint>

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

static Tensor dropped(const Tensor& x, double rate, const Location& where) {
  require(rate >= 0 && rate < 1, "rate is ", rate, ", need one in [0, 1)");
  if (rate == 0) return record("Identity", {x}, {}, where);
  return record("Dropout", {x, constant_tensor(cnnc::Tensor::scalar(DType::f32, rate))}, {}, where);
}

Dropout::Dropout(double rate, Location where)
    : Layer("Dropout", [=](LayerScope&, const Tensors& x) { return dropped(one(x), rate, where); }, where) {}

// Ones of the shape of x's beginning, x[:, :n, :1, :1] or x[:, :channels, :1, :1], made of the data so that the batch is
// theirs: what Dropout makes of them is a coin for each.
static Tensor coins(const Tensor& image, bool for_each_channel, double rate, const Location& where) {
  const std::vector<int64_t> axes = for_each_channel ? std::vector<int64_t>{2, 3} : std::vector<int64_t>{1, 2, 3};
  const Tensor corner = record("Slice",
                               {image, integers(std::vector<int64_t>(axes.size(), 0)),
                                integers(std::vector<int64_t>(axes.size(), 1)), integers(axes)},
                               {}, where);
  return dropped(exp(corner - corner, where), rate, where);
}

SpatialDropout2D::SpatialDropout2D(double rate, Location where)
    : Layer(
          "SpatialDropout2D",
          [=](LayerScope&, const Tensors& x) {
            const Tensor& image = one_of_rank(x, 4, "[batch, channels, height, width]");
            return image * coins(image, true, rate, where);
          },
          where) {}

// A coin is 0 or 2 while training and 1 otherwise, so that nothing is turned in the model that is used.
static Tensor flipped_by_coin(const Tensor& image, int64_t axis, const Location& where) {
  const Tensor turned = record(
      "Slice", {image, integers({-1}), integers({INT64_MIN}), integers({axis}), integers({-1})}, {}, where);
  const Tensor coin = coins(image, false, 0.5, where);
  return record("Where", {record("Equal", {coin, coin - coin}, {}, where), turned, image}, {}, where);
}

RandomFlip::RandomFlip(Flip flip, Location where)
    : Layer(
          "RandomFlip",
          [=](LayerScope&, const Tensors& x) {
            Tensor image = one_of_rank(x, 4, "[batch, channels, height, width]");
            if (flip != Flip::vertical) image = flipped_by_coin(image, 3, where);
            if (flip != Flip::horizontal) image = flipped_by_coin(image, 2, where);
            return image;
          },
          where) {}

Rescaling::Rescaling(double scale, double offset, Location where)
    : Layer(
          "Rescaling",
          [=](LayerScope&, const Tensors& x) {
            const Tensor scaled = one(x) * scale;
            return offset == 0 ? scaled : scaled + offset;
          },
          where) {}

Normalization::Normalization(std::vector<double> mean, std::vector<double> variance, Location where)
    : Layer(
          "Normalization",
          [=](LayerScope&, const Tensors& x) {
            const int64_t channels = known_size(one(x), 1);
            const auto count = static_cast<size_t>(channels);
            require(mean.size() == count && variance.size() == count, "has ", mean.size(), " means and ",
                    variance.size(), " variances, need ", channels, " for ", x[0].type());
            cnnc::Shape shape(static_cast<size_t>(x[0].rank() - 1), 1);
            shape[0] = channels;
            cnnc::Tensor factor(DType::f32, shape), shift(DType::f32, shape);
            for (size_t i = 0; i < count; ++i) {
              require(variance[i] > 0, "variance ", i, " is ", variance[i], ", need a positive number");
              factor.set_double(static_cast<int64_t>(i), 1 / std::sqrt(variance[i]));
              shift.set_double(static_cast<int64_t>(i), -mean[i] / std::sqrt(variance[i]));
            }
            return x[0] * constant_tensor(factor) + constant_tensor(shift);
          },
          where) {}

Tensor batch_normalization(const Tensor& x, BatchNormOptions options, Location where) {
  return BatchNormalization(options, where)(x);
}
Tensor dropout(const Tensor& x, double rate, Location where) { return Dropout(rate, where)(x); }

}  // namespace cnnc::dsl

// Normalisation and Dropout.
#include <algorithm>
#include <numeric>

#include "frontend/dsl/layer_parts.h"

namespace cnnc::dsl {

// A weight, or the same numbers as a constant that nothing trains.
static Tensor weight_or_constant(LayerScope& scope, bool is_weight, const char* name, const Shape& shape,
                                 const Initializer& initializer) {
  if (is_weight) return scope.weight(name, shape, initializer);
  const auto count = static_cast<size_t>(element_count(shape));
  return constant_tensor(
      cnnc::Tensor::of<float>(DType::f32, shape, std::vector<float>(count, static_cast<float>(initializer.scale))));
}

// Axes in another order for a while.
static Tensor in_order(const Tensor& x, const Ints& order, const Location& where) {
  for (size_t i = 0; i < order.size(); ++i)
    if (order[i] != static_cast<int64_t>(i)) return transpose(x, order, where);
  return x;
}

static Ints first_axes(int rank) {
  Ints axes(static_cast<size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

BatchNormalization::BatchNormalization(BatchNormOptions o, Location where)
    : Layer(
          "BatchNormalization",
          [=](LayerScope& scope, const Tensors& x) {
            require(one(x).rank() >= 2, "takes [batch, channels, ...], was given ", x[0].type());
            require(!x[0].mask(), "its statistics are over all steps, but the input ", x[0].type(),
                    " has a mask; take LayerNormalization, or without_mask()");
            const int64_t axis = sample_axis(x[0], o.axis), channels = known_size(x[0], axis);
            Ints order = first_axes(x[0].rank());
            std::swap(order[1], order[static_cast<size_t>(axis)]);
            const Tensor gamma = weight_or_constant(scope, o.scale, "gamma", {channels}, ones);
            const Tensor beta = weight_or_constant(scope, o.center, "beta", {channels}, zeros);
            const Tensor mean = scope.weight("moving_mean", {channels}, zeros, {}, false);
            const Tensor variance = scope.weight("moving_variance", {channels}, ones, {}, false);
            const Tensor result = record("BatchNormalization", {in_order(x[0], order, where), gamma, beta, mean, variance},
                                         {{"epsilon", o.epsilon}, {"momentum", o.momentum}}, where);
            return in_order(result, order, where);
          },
          where) {}

// Axes of a sample, each once, from the first to the last.
static Ints sorted_axes(const Tensor& x, const Ints& axes) {
  Ints result;
  for (const int64_t axis : axes) result.push_back(sample_axis(x, axis));
  std::sort(result.begin(), result.end());
  require(!result.empty(), "has no axes");
  require(std::adjacent_find(result.begin(), result.end()) == result.end(), "names an axis twice");
  return result;
}

// The operator's axes are the last ones: others go there for a while.
static Tensor layer_normalized(LayerScope& scope, const Tensor& x, const LayerNormOptions& o, const Location& where) {
  const Ints axes = sorted_axes(x, o.axes);
  Shape sizes;
  for (const int64_t axis : axes) sizes.push_back(known_size(x, axis));
  Ints order;
  for (const int64_t axis : first_axes(x.rank()))
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) order.push_back(axis);
  const auto first = static_cast<int64_t>(order.size());
  order.insert(order.end(), axes.begin(), axes.end());
  Ints back(order.size());
  for (size_t i = 0; i < order.size(); ++i) back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  const Tensor gamma = weight_or_constant(scope, o.scale, "gamma", sizes, ones);
  const Tensor beta = weight_or_constant(scope, o.center, "beta", sizes, zeros);
  const Tensor result = record("LayerNormalization", {in_order(x, order, where), gamma, beta},
                               {{"epsilon", o.epsilon}, {"axis", first - x.rank()}}, where);
  return in_order(result, back, where);
}

LayerNormalization::LayerNormalization(LayerNormOptions o, Location where)
    : Layer(
          "LayerNormalization",
          [=](LayerScope& scope, const Tensors& x) { return layer_normalized(scope, one(x), o, where); }, where) {
  supports_masking();
}

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
          where) {
  supports_masking();
}

Tensor batch_normalization(const Tensor& x, BatchNormOptions options, Location where) {
  return BatchNormalization(options, where)(x);
}
Tensor dropout(const Tensor& x, double rate, Location where) { return Dropout(rate, where)(x); }

}  // namespace cnnc::dsl

// Layers that are products: dense and convolution.
#include <algorithm>

#include "frontend/dsl/layer_parts.h"

namespace cnnc::dsl {

// ---- Dense -----------------------------------------------------------------------------------------------------------
static Tensor dense_result(LayerScope& scope, const Tensor& x, int64_t units, const DenseOptions& o,
                           const Location& where) {
  require(x.rank() >= 2, "takes [batch, ..., features], was given ", x.type());
  const Tensor kernel = scope.weight("kernel", {known_size(x, x.rank() - 1), units}, o.kernel_initializer,
                                     o.kernel_regularizer);
  if (!o.use_bias) return o.activation(matmul(x, kernel, where));
  const Tensor bias = scope.weight("bias", {units}, o.bias_initializer, o.bias_regularizer);
  return o.activation(x.rank() == 2 ? record("Gemm", {x, kernel, bias}, {}, where) : matmul(x, kernel, where) + bias);
}

static Layer::Function dense_function(int64_t units, DenseOptions options, Location where) {
  return [=](LayerScope& scope, const Tensors& x) {
    require(units > 0, "units is ", units, ", need a positive number");
    return dense_result(scope, one(x), units, options, where);
  };
}

Dense::Dense(int64_t units, Activation activation, Location where)
    : Dense(units, DenseOptions{.activation = std::move(activation)}, where) {}
Dense::Dense(int64_t units, DenseOptions options, Location where)
    : Layer("Dense", dense_function(units, std::move(options), where), where) {
  supports_masking();
}

// ---- convolution -----------------------------------------------------------------------------------------------------
namespace {
// A convolution once the rank of its input is known.
struct Window {
  Ints kernel, strides, dilations;

  template <typename Options>
  Window(const Sizes& k, const Options& o, size_t spatial)
      : kernel(for_axes(k, spatial, "kernel")),
        strides(for_axes(o.strides, spatial, "strides")),
        dilations(for_axes(o.dilation, spatial, "dilation")) {}

  Shape weights(int64_t outputs, int64_t inputs) const {
    Shape shape{outputs, inputs};
    shape.insert(shape.end(), kernel.begin(), kernel.end());
    return shape;
  }
  Attributes attributes(int64_t groups) const {
    return {{"kernel_shape", kernel}, {"strides", strides}, {"dilations", dilations}, {"group", groups}};
  }
};
}  // namespace

static void require_groups(int64_t channels, int64_t filters, int64_t groups) {
  require(filters > 0, "filters is ", filters, ", need a positive number");
  require(groups > 0 && channels % groups == 0 && filters % groups == 0, channels, " channels and ", filters,
          " filters are not divisible by ", groups, " groups");
}

// Fans of a grouped kernel count one group, as its layout says.
static Tensor convolved(LayerScope& scope, const Tensor& x, const char* kernel_name, const char* bias_name,
                        int64_t filters, const Sizes& kernel_size, const ConvOptions& o, int64_t groups,
                        const Location& where) {
  const Window window(kernel_size, o, static_cast<size_t>(x.rank() - 2));
  const int64_t channels = known_size(x, 1);
  require_groups(channels, filters, groups);
  Attributes attributes = window.attributes(groups);
  set_padding(attributes, o.padding, x, window.kernel, window.strides, window.dilations);
  const Tensor kernel = scope.weight(kernel_name, window.weights(filters, channels / groups), o.kernel_initializer,
                                     o.kernel_regularizer);
  if (bias_name == nullptr) return record("Conv", {x, kernel}, std::move(attributes), where);
  const Tensor bias = scope.weight(bias_name, {filters}, o.bias_initializer, o.bias_regularizer);
  return record("Conv", {x, kernel, bias}, std::move(attributes), where);
}

static Layer::Function conv_function(size_t spatial, int64_t filters, Sizes kernel, ConvOptions o, Location where) {
  return [=](LayerScope& scope, const Tensors& x) {
    const Tensor& image = one_of_rank(x, static_cast<int>(spatial + 2), axes_text(spatial));
    return o.activation(
        convolved(scope, image, "kernel", o.use_bias ? "bias" : nullptr, filters, kernel, o, o.groups, where));
  };
}

Conv1D::Conv1D(int64_t filters, Sizes kernel, ConvOptions options, Location where)
    : Layer("Conv1D", conv_function(1, filters, std::move(kernel), std::move(options), where), where) {}
Conv2D::Conv2D(int64_t filters, Sizes kernel, ConvOptions options, Location where)
    : Layer("Conv2D", conv_function(2, filters, std::move(kernel), std::move(options), where), where) {}
Conv3D::Conv3D(int64_t filters, Sizes kernel, ConvOptions options, Location where)
    : Layer("Conv3D", conv_function(3, filters, std::move(kernel), std::move(options), where), where) {}

// Depthwise kernels have as many groups as there are channels.
static void require_one_group(const ConvOptions& o, int64_t multiplier) {
  require(o.groups == 1, "has ", o.groups, " groups, but each channel is one already: leave groups out");
  require(multiplier > 0, "depth_multiplier is ", multiplier, ", need a positive number");
}

static Layer::Function depthwise_function(Sizes kernel, ConvOptions o, int64_t multiplier, Location where) {
  return [=](LayerScope& scope, const Tensors& x) {
    const Tensor& image = one_of_rank(x, 4, axes_text(2));
    require_one_group(o, multiplier);
    const int64_t channels = known_size(image, 1);
    return o.activation(convolved(scope, image, "kernel", o.use_bias ? "bias" : nullptr, channels * multiplier, kernel,
                                  o, channels, where));
  };
}

DepthwiseConv2D::DepthwiseConv2D(Sizes kernel, ConvOptions options, int64_t depth_multiplier, Location where)
    : Layer("DepthwiseConv2D", depthwise_function(std::move(kernel), std::move(options), depth_multiplier, where),
            where) {}

static Layer::Function separable_function(int64_t filters, Sizes kernel, ConvOptions o, int64_t multiplier,
                                          Location where) {
  ConvOptions point = o;
  point.strides = point.dilation = 1;
  point.padding = Padding::valid;
  return [=](LayerScope& scope, const Tensors& x) {
    const Tensor& image = one_of_rank(x, 4, axes_text(2));
    require_one_group(o, multiplier);
    const int64_t channels = known_size(image, 1);
    const Tensor depthwise =
        convolved(scope, image, "depthwise_kernel", nullptr, channels * multiplier, kernel, o, channels, where);
    return o.activation(convolved(scope, depthwise, "pointwise_kernel", o.use_bias ? "bias" : nullptr, filters, 1,
                                  point, 1, where));
  };
}

SeparableConv2D::SeparableConv2D(int64_t filters, Sizes kernel, ConvOptions options, int64_t depth_multiplier,
                                 Location where)
    : Layer("SeparableConv2D",
            separable_function(filters, std::move(kernel), std::move(options), depth_multiplier, where), where) {}

// ---- transposed ------------------------------------------------------------------------------------------------------
// Of one axis: what is cut off at the ends, and what is added at the end.
namespace {
struct TransposedEnds {
  int64_t begin = 0, end = 0, added = 0;
};
}  // namespace

// What the window has too much is cut off, the odd one at the end, and what it lacks is added there.
static TransposedEnds transposed_ends(int64_t window, int64_t stride, bool same, std::optional<int64_t> output_padding) {
  int64_t total = same ? window - stride : std::min<int64_t>(0, window - stride);
  if (output_padding) total = (same ? window / 2 * 2 : 0) - *output_padding;
  const int64_t cut = std::max<int64_t>(0, total);
  return {cut / 2, cut - cut / 2, std::max<int64_t>(0, -total)};
}

static void set_transposed_padding(Attributes& attributes, const Window& window, const ConvTransposeOptions& o) {
  const size_t count = window.kernel.size();
  Ints output_padding;
  if (o.output_padding) output_padding = for_axes(*o.output_padding, count, "output_padding", 0);
  for (size_t i = 0; i < output_padding.size(); ++i)
    require(output_padding[i] < window.strides[i], "output_padding holds ", output_padding[i],
            ", need numbers below the stride, which is ", window.strides[i]);
  if (o.padding.kind == Padding::Kind::numbers) {
    require(o.padding.numbers.size() == 2 * count, "padding has ", o.padding.numbers.size(), " numbers, need ", 2 * count);
    attributes["pads"] = Ints(o.padding.numbers);
    if (o.output_padding) attributes["output_padding"] = output_padding;
    return;
  }
  Ints pads(2 * count), added(count);
  for (size_t i = 0; i < count; ++i) {
    const TransposedEnds ends = transposed_ends(
        (window.kernel[i] - 1) * window.dilations[i] + 1, window.strides[i], o.padding.kind == Padding::Kind::same,
        o.output_padding ? std::optional(output_padding[i]) : std::nullopt);
    pads[i] = ends.begin, pads[i + count] = ends.end, added[i] = ends.added;
  }
  attributes["pads"] = pads;
  attributes["output_padding"] = added;
}

static Layer::Function transposed_function(int64_t filters, Sizes kernel_size, ConvTransposeOptions o, Location where) {
  return [=](LayerScope& scope, const Tensors& x) {
    const Tensor& image = one_of_rank(x, 4, axes_text(2));
    const int64_t channels = known_size(image, 1);
    require_groups(channels, filters, o.groups);
    const Window window(kernel_size, o, 2);
    Attributes attributes = window.attributes(o.groups);
    set_transposed_padding(attributes, window, o);
    const Tensor kernel = scope.weight("kernel", window.weights(channels, filters / o.groups), o.kernel_initializer,
                                       o.kernel_regularizer);
    if (!o.use_bias) return o.activation(record("ConvTranspose", {image, kernel}, std::move(attributes), where));
    const Tensor bias = scope.weight("bias", {filters}, o.bias_initializer, o.bias_regularizer);
    return o.activation(record("ConvTranspose", {image, kernel, bias}, std::move(attributes), where));
  };
}

Conv2DTranspose::Conv2DTranspose(int64_t filters, Sizes kernel, ConvTransposeOptions options, Location where)
    : Layer("Conv2DTranspose", transposed_function(filters, std::move(kernel), std::move(options), where), where) {}

// ---- functional ------------------------------------------------------------------------------------------------------
Tensor dense(const Tensor& x, int64_t units, DenseOptions options, Location where) {
  return Dense(units, std::move(options), where)(x);
}
Tensor conv2d(const Tensor& x, int64_t filters, Sizes kernel, ConvOptions options, Location where) {
  return Conv2D(filters, std::move(kernel), std::move(options), where)(x);
}

}  // namespace cnnc::dsl

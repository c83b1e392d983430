// Gradients of convolutions: with respect to the data a transposed convolution, with respect to the
// weights an operator of its own.
#include <algorithm>

#include "ir/ops/contraction.h"
#include "ir/ops/convolution.h"

namespace cnnc {
namespace {

// ---- ConvWeightGradient

// Operands X and dY, both in one layout.
Window weight_window(const OpContext& c, const ChannelLayout& layout) {
  const Dims input = layout.spatial_dims(c.dims(0)), output = layout.spatial_dims(c.dims(1));
  const size_t n = input.size();
  const Ints kernel = c.integers("kernel_shape"), strides = per_axis(c, "strides", n),
             dilations = per_axis(c, "dilations", n), pads = pads_of(c, n);
  c.require(kernel.size() == n, "kernel_shape has ", kernel.size(), " numbers, need ", n);
  Window window(n);
  for (size_t i = 0; i < n; ++i)
    window[i] = {input[i], output[i], kernel[i], pads[i], pads[n + i], strides[i], dilations[i]};
  return window;
}

// Where the axes of the result are: [O, I / group, kernel...], or [kernel..., I / group, O] with
// channels last.
struct WeightAxes {
  int output, input, tap;
};

WeightAxes weight_axes(const ChannelLayout& layout) {
  const int n = layout.spatial_rank();
  return layout.channels_last ? WeightAxes{n + 1, n, 0} : WeightAxes{0, 1, 2};
}

std::vector<Type> weight_gradient_type(const OpContext& c) {
  const ChannelLayout layout = channel_layout(c);
  c.require(c.rank(1) == layout.rank, "dY ", c.type(1), " has ", c.rank(1), " axes, need ",
            layout.rank);
  const auto channel = static_cast<size_t>(layout.channel());
  const Window window = weight_window(c, layout);
  const WeightAxes axes = weight_axes(layout);
  Type result{c.dtype(), Dims(static_cast<size_t>(layout.rank))};
  const auto at = [&](int axis) -> Dim& { return result.dims[static_cast<size_t>(axis)]; };
  at(axes.output) = c.dims(1)[channel];
  at(axes.input) = Dim::floor_div(c.dims(0)[channel], c.integer("group"));
  for (size_t i = 0; i < window.size(); ++i) at(axes.tap + static_cast<int>(i)) = window[i].kernel;
  return {result};
}

Computation weight_gradient(const OpContext& c, int) {
  const ChannelLayout layout = channel_layout(c);
  const Window window = weight_window(c, layout);
  const WeightAxes axes = weight_axes(layout);
  const int rank = layout.rank, n = layout.spatial_rank();
  const auto channel = static_cast<size_t>(layout.channel());
  const int64_t groups = c.integer("group");
  const Scalar out = Scalar::index(axes.output), batch = Scalar::index(rank);
  Scalar in = Scalar::index(axes.input);
  if (groups != 1) {
    const Scalar group = floor_div(out, Scalar::size(Dim::floor_div(c.dims(1)[channel], groups)));
    in = in + group * Scalar::size(Dim::floor_div(c.dims(0)[channel], groups));
  }
  const Scalars outs = OpContext::indices(n, rank + 1);
  const Scalars from = positions(window, outs, OpContext::indices(n, axes.tap));
  const Scalar inside = all_inside(window, from);
  const Scalar x = load_for_sum(c, 0, layout.indices(batch, in, from));
  const Scalar dy = load_for_sum(c, 1, layout.indices(batch, out, outs));
  Dims reduce{c.dims(0)[0]};
  for (const WindowAxis& axis : window) reduce.push_back(axis.output);
  return sum_of(c, reduce, (inside ? select(inside, x, x.like(0)) : x) * dy);
}

CNNC_OP(ConvWeightGradient)
    .doc(
        "The gradient of Conv with respect to its weights, for the gradient dY of its result: [O, "
        "I / group, kernel...]. With channels_last, X and dY are [N, spatial..., C] and the result "
        "is [kernel..., I / group, O].")
    .input("X", kFloatTypes)
    .input("dY", kFloatTypes)
    .required_attribute("kernel_shape", Ints{})
    .attribute("strides", Ints{})
    .attribute("dilations", Ints{})
    .attribute("pads", Ints{})
    .attribute("group", int64_t{1})
    .attribute("channels_last", int64_t{0})
    .infer(weight_gradient_type)
    .compute(weight_gradient)
    .example({random(DType::f32, {2, 3, 5, 6}), random(DType::f32, {2, 4, 5, 6})},
             {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}})
    .example({random(DType::f64, {2, 4, 7}), random(DType::f64, {2, 6, 3})},
             {{"kernel_shape", Ints{3}},
              {"group", int64_t{2}},
              {"strides", Ints{2}},
              {"dilations", Ints{2}},
              {"pads", Ints{2, 1}}})
    .example({random(DType::f32, {2, 5, 6, 3}), random(DType::f32, {2, 3, 3, 4})},
             {{"kernel_shape", Ints{3, 2}},
              {"strides", Ints{2, 2}},
              {"pads", Ints{1, 0, 1, 0}},
              {"channels_last", int64_t{1}}});

// ---- rules

Ints numbers(const GradientBuilder& g, const Window& window, Dim WindowAxis::*member) {
  Ints result;
  for (const WindowAxis& axis : window) {
    const Dim& size = axis.*member;
    if (!size.is_const())
      g.context().fail("its padding or kernel has the symbolic size ", size,
                       "; bind the symbols with --dim or --shape");
    result.push_back(size.value());
  }
  return result;
}

Ints joined(Ints a, const Ints& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// The geometry as attributes, with the padding as numbers.
Attributes window_attributes(const GradientBuilder& g, const Convolution& v) {
  Ints strides, dilations;
  for (const WindowAxis& axis : v.window) {
    strides.push_back(axis.stride);
    dilations.push_back(axis.dilation);
  }
  return {{"kernel_shape", numbers(g, v.window, &WindowAxis::kernel)},
          {"strides", strides},
          {"dilations", dilations},
          {"pads", joined(numbers(g, v.window, &WindowAxis::pad_begin),
                          numbers(g, v.window, &WindowAxis::pad_end))},
          {"group", v.groups},
          {"channels_last", int64_t{v.layout.channels_last}}};
}

Value* weight_gradient_of(const GradientBuilder& g, const Convolution& v,
                          const Attributes& attributes, Value* x, Value* dy) {
  Value* dw = g.make("ConvWeightGradient", {x, dy}, attributes);
  if (!v.layout.channels_last) return dw;
  const int n = v.layout.spatial_rank();
  Ints perm{n + 1, n};
  for (int i = 0; i < n; ++i) perm.push_back(i);
  return g.make("Transpose", {dw}, {{"perm", perm}});
}

Value* bias_gradient(const GradientBuilder& g, const Convolution& v, Value* dy) {
  Ints axes;
  for (int a = 0; a < v.layout.rank; ++a)
    if (a != v.layout.channel()) axes.push_back(a);
  return g.make("ReduceSum", {dy, g.ints(axes)}, {{"keepdims", int64_t{0}}});
}

// Padding that is negative takes elements away before the convolution.
Value* cropped(const GradientBuilder& g, const Convolution& v, Value* dy, Ints& pads) {
  const size_t n = pads.size() / 2;
  if (std::all_of(pads.begin(), pads.end(), [](int64_t p) { return p >= 0; })) return dy;
  Ints axes, crop;
  for (size_t i = 0; i < n; ++i) axes.push_back(v.layout.spatial(static_cast<int>(i)));
  for (int64_t& p : pads) {
    crop.push_back(std::min<int64_t>(p, 0));
    p = std::max<int64_t>(p, 0);
  }
  return g.make("Pad", {dy, g.ints(crop), nullptr, g.ints(axes)});
}

// dX of a convolution: dY transposed-convolved with the same weights. Input that no window reached
// is the output padding.
Value* data_gradient(const GradientBuilder& g, const Convolution& v, Attributes attributes) {
  Ints unreached;
  for (const WindowAxis& axis : v.window) {
    const Dim reached = (axis.output - 1) * axis.stride + axis.extent();
    const Dim rest = axis.input + axis.pad_begin + axis.pad_end - reached;
    if (!rest.is_const())
      g.context().fail("the gradient of a strided convolution needs known sizes, its input has ",
                       axis.input, "; bind the symbols with --dim or --shape");
    unreached.push_back(rest.value());
  }
  attributes["output_padding"] = unreached;
  return g.make("ConvTranspose", {g.out_grad(), g.input(1)}, attributes);
}

}  // namespace

void conv_gradient(GradientBuilder& g) {
  const Convolution v = conv_geometry(g.context());
  const Attributes attributes = window_attributes(g, v);
  if (g.wants(0)) g.wrt(0, data_gradient(g, v, attributes));
  if (g.wants(1)) g.wrt(1, weight_gradient_of(g, v, attributes, g.input(0), g.out_grad()));
  if (g.wants(2)) g.wrt(2, bias_gradient(g, v, g.out_grad()));
}

// The windows of a transposed convolution lie over its output, so data and gradient change places.
void conv_transpose_gradient(GradientBuilder& g) {
  const Convolution v = conv_transpose_geometry(g.context());
  Attributes attributes = window_attributes(g, v);
  Ints pads = std::get<Ints>(attributes["pads"]);
  Value* dy = cropped(g, v, g.out_grad(), pads);
  attributes["pads"] = pads;
  if (g.wants(0)) g.wrt(0, g.make("Conv", {dy, g.input(1)}, attributes));
  if (g.wants(1)) g.wrt(1, weight_gradient_of(g, v, attributes, dy, g.input(0)));
  if (g.wants(2)) g.wrt(2, bias_gradient(g, v, g.out_grad()));
}

}  // namespace cnnc

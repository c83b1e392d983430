// Gradients of convolutions: with respect to the data another convolution, with respect to the
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

// [O, I / group, kernel...] with the channels of each group exchanged, [I, O / group, kernel...].
Value* exchanged_channels(const GradientBuilder& g, const Convolution& v, Value* w) {
  const int n = v.layout.spatial_rank();
  const Ints kernel = numbers(g, v.window, &WindowAxis::kernel);
  const auto reshaped = [&](Value* x, Ints sizes) {
    return g.make("Reshape", {x, g.ints(joined(std::move(sizes), kernel))});
  };
  const bool grouped = v.groups != 1;
  const int first = grouped ? 1 : 0;
  Ints perm{first + 1, first};
  if (grouped) perm.insert(perm.begin(), 0);
  for (int i = 0; i < n; ++i) perm.push_back(first + 2 + i);
  if (!grouped) return g.make("Transpose", {w}, {{"perm", perm}});
  const int64_t out = v.output_channels.value(), in = v.channels.value();
  w = reshaped(w, {v.groups, out / v.groups, in / v.groups});
  return reshaped(g.make("Transpose", {w}, {{"perm", perm}}), {in, out / v.groups});
}

// The kernel backwards along every spatial axis.
Value* reversed_taps(const GradientBuilder& g, const Convolution& v, Value* w) {
  Ints axes;
  for (size_t i = 0; i < v.window.size(); ++i)
    if (!(v.window[i].kernel == 1)) axes.push_back(static_cast<int64_t>(i) + 2);
  if (axes.empty()) return w;
  return g.make("Slice", {w, g.ints(Ints(axes.size(), -1)), g.ints(Ints(axes.size(), INT64_MIN)),
                          g.ints(axes), g.ints(Ints(axes.size(), -1))});
}

// dy with stride - 1 zeros between its elements, as a convolution of stride 1 would have it: an axis of n elements gets
// (n - 1) stride + 1.
Value* dilated(const GradientBuilder& g, const Convolution& v, Value* dy) {
  Ints axes, steps, factors(static_cast<size_t>(dy->rank()), 1), offsets(factors.size(), 0);
  for (size_t i = 0; i < v.window.size(); ++i) {
    const int64_t stride = v.window[i].stride;
    if (stride == 1) continue;
    const int axis = v.layout.spatial(static_cast<int>(i));
    axes.push_back(axis);
    steps.push_back(stride);
    factors[static_cast<size_t>(axis)] = stride;
    offsets[static_cast<size_t>(axis)] = 1 - stride;
  }
  if (axes.empty()) return dy;
  Value* shape = g.make("Mul", {shape_operand(g.graph(), dy), g.ints(factors)});
  Value* zeros = g.make("Expand", {g.number(0), g.make("Add", {shape, g.ints(offsets)})});
  return g.make("SliceGradient",
                {dy, zeros, g.ints(Ints(axes.size(), 0)), g.ints(Ints(axes.size(), INT64_MAX)),
                 g.ints(axes), g.ints(steps)});
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

// dX of a convolution: dY, spread by the strides, convolved with the weights backwards.
Value* data_gradient(const GradientBuilder& g, const Convolution& v) {
  Value* dy = dilated(g, v, g.out_grad());
  Ints begins, ends, dilations;
  for (const WindowAxis& axis : v.window) {
    const Dim reach = (axis.kernel - 1) * axis.dilation;
    const Dim begin = reach - axis.pad_begin;
    const Dim end = axis.input - (axis.output - 1) * axis.stride - 1 + axis.pad_begin;
    if (!begin.is_const() || !end.is_const())
      g.context().fail("its gradient's padding is symbolic; bind the symbols with --dim or --shape");
    begins.push_back(begin.value());
    ends.push_back(end.value());
    dilations.push_back(axis.dilation);
  }
  Ints pads = joined(begins, ends);
  dy = cropped(g, v, dy, pads);
  Value* w = reversed_taps(g, v, exchanged_channels(g, v, g.input(1)));
  return g.make("Conv", {dy, w},
                {{"dilations", dilations},
                 {"pads", pads},
                 {"group", v.groups},
                 {"channels_last", int64_t{v.layout.channels_last}}});
}

}  // namespace

void conv_gradient(GradientBuilder& g) {
  const Convolution v = conv_geometry(g.context());
  if (g.wants(0)) g.wrt(0, data_gradient(g, v));
  if (g.wants(1))
    g.wrt(1, weight_gradient_of(g, v, window_attributes(g, v), g.input(0), g.out_grad()));
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

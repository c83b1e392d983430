// Conv and ConvTranspose.
#include "ir/ops/convolution.h"

#include "ir/ops/contraction.h"
#include "ir/ops/packed_weights.h"
#include "runtime/kernels/convolution.h"

namespace cnnc {

// ---- geometry
// --------------------------------------------------------------------------------------------------------

Dims conv_weight_sizes(const OpContext& c) {
  return c.has_attribute("weight_shape") ? to_dims(c.integers("weight_shape")) : c.dims(1);
}

// Checks that hold for both operators and returns the kernel's sizes.
static Dims kernel_of(const OpContext& c, const ChannelLayout& layout, const Dims& weights) {
  c.require(static_cast<int>(weights.size()) == layout.rank, "weights ", Type{c.dtype(1), weights},
            " have ", weights.size(), " axes, need ", layout.rank);
  const Dims kernel(weights.begin() + 2, weights.end());
  const Ints declared = c.integers("kernel_shape");
  c.require(declared.empty() || to_dims(declared) == kernel, "kernel_shape ",
            Type{DType::i64, to_dims(declared)}, " differs from that of the weights ",
            Type{c.dtype(1), weights});
  for (const Dim& k : kernel) {
    const auto high = k.upper_bound();
    c.require(!high || *high >= 1, "weights ", Type{c.dtype(1), weights}, " have an empty kernel");
  }
  return kernel;
}

static void check_groups(const OpContext& c, const Convolution& v) {
  c.require(v.groups >= 1, "group is ", v.groups, ", need a positive number");
  for (const Dim& d : {v.channels, v.output_channels})
    c.require(Dim::mod(d, v.groups) == 0, d, " channels do not divide into ", v.groups, " groups");
  if (!c.has(2)) return;
  c.require(c.rank(2) == 1, "the bias ", c.type(2), " has ", c.rank(2), " axes, need 1");
  require_equal(c, c.dims(2)[0], "the bias's size", v.output_channels,
                "the number of output channels");
}

Convolution conv_geometry(const OpContext& c, const Dims& input, const Dims& weights) {
  Convolution v;
  v.layout = channel_layout(c);
  const Dims kernel = kernel_of(c, v.layout, weights);
  v.batch = input[0];
  v.channels = input[static_cast<size_t>(v.layout.channel())];
  v.output_channels = weights[0];
  v.groups = c.integer("group");
  check_groups(c, v);
  require_equal(
      c, v.channels, "the number of input channels", weights[1] * v.groups,
      cat("the number that weights ", Type{c.dtype(1), weights}, " in ", v.groups, " groups take"));
  v.window = window_of(c, v.layout.spatial_dims(input), kernel);
  return v;
}

Convolution conv_geometry(const OpContext& c) {
  channel_layout(c);
  return conv_geometry(c, c.dims(0), conv_weight_sizes(c));
}

// Padding and size of one axis of a transposed convolution's output.
static void place_transposed(const OpContext& c, WindowAxis& axis, const Dim& from,
                             int64_t output_padding, std::optional<int64_t> size) {
  const std::string& auto_pad = c.text("auto_pad");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  const Dim full = (from - 1) * axis.stride + output_padding + axis.extent();
  axis.output = from;
  axis.input = size ? Dim(*size) : same ? from * axis.stride : full - axis.pad_begin - axis.pad_end;
  // Given sizes decide the padding; ONNX puts the odd element at the beginning unless told
  // SAME_UPPER.
  if (size || same) divide_padding(axis, full - axis.input, auto_pad);
}

static Ints optional_sizes(const OpContext& c, std::string_view name, size_t count, int64_t least) {
  const Ints values = c.integers(name);
  // Some exporters write output_shape with batch and channels.
  const bool full = name == "output_shape" && values.size() == count + 2;
  const Ints sizes(values.begin() + (full ? 2 : 0), values.end());
  c.require(sizes.empty() || sizes.size() == count, name, " has ", values.size(), " numbers, need ",
            count, ", one for each spatial axis");
  for (int64_t v : sizes) c.require(v >= least && v < (int64_t{1} << 31), name, " holds ", v);
  return sizes;
}

Convolution conv_transpose_geometry(const OpContext& c, const Dims& input, const Dims& weights) {
  Convolution v;
  v.layout = channel_layout(c);
  const Dims kernel = kernel_of(c, v.layout, weights);
  v.batch = input[0];
  v.channels = input[static_cast<size_t>(v.layout.channel())];
  v.groups = c.integer("group");
  v.output_channels = weights[1] * v.groups;
  check_groups(c, v);
  require_equal(c, v.channels, "the number of input channels", weights[0],
                "the first size of the weights");
  const size_t n = kernel.size();
  const Ints strides = per_axis(c, "strides", n), dilations = per_axis(c, "dilations", n),
             pads = pads_of(c, n);
  const Ints extra = optional_sizes(c, "output_padding", n, 0),
             sizes = optional_sizes(c, "output_shape", n, 1);
  const Dims from = v.layout.spatial_dims(input);
  v.window.resize(n);
  for (size_t i = 0; i < n; ++i) {
    WindowAxis& axis = v.window[i];
    axis.kernel = kernel[i];
    axis.stride = strides[i];
    axis.dilation = dilations[i];
    if (c.text("auto_pad") != "VALID") axis.pad_begin = pads[i], axis.pad_end = pads[n + i];
    place_transposed(c, axis, from[i], extra.empty() ? 0 : extra[i],
                     sizes.empty() ? std::nullopt : std::optional(sizes[i]));
  }
  return v;
}

Convolution conv_transpose_geometry(const OpContext& c) {
  channel_layout(c);
  return conv_transpose_geometry(c, c.dims(0), conv_weight_sizes(c));
}

namespace {

// ---- expressions
// -----------------------------------------------------------------------------------------------------

// Indices of one point of the sum: output axes, then the channel within the group, then the taps.
struct SumPoint {
  Scalar batch, out, in_channel, channel;  // channel: of all groups
  Scalars spatial, taps;
};

SumPoint sum_point(const Convolution& v) {
  const int rank = v.layout.rank, n = v.layout.spatial_rank();
  SumPoint p;
  p.batch = Scalar::index(0);
  p.out = Scalar::index(v.layout.channel());
  for (int i = 0; i < n; ++i) p.spatial.push_back(Scalar::index(v.layout.spatial(i)));
  p.in_channel = Scalar::index(rank);
  p.taps = OpContext::indices(n, rank + 1);
  const Scalar group =
      v.groups == 1 ? Scalar::i64(0) : floor_div(p.out, Scalar::size(v.outputs_per_group()));
  p.channel = group * Scalar::size(v.channels_per_group()) + p.in_channel;
  return p;
}

Dims sum_sizes(const Convolution& v) {
  Dims reduce{v.channels_per_group()};
  for (const WindowAxis& axis : v.window) reduce.push_back(axis.kernel);
  return reduce;
}

Scalar bias_of(const OpContext& c, const Scalar& out) {
  return c.has(2) ? load_for_sum(c, 2, {out}) : Scalar();
}

Scalar guarded(const Scalar& inside, const Scalar& load) {
  return inside ? select(inside, load, load.like(0)) : load;
}

// The weight of a point of the sum; `indices` are its first two in the unpacked weights.
Scalar weight_at(const OpContext& c, const Convolution& v, const SumPoint& p, Scalars indices) {
  if (c.has_attribute("weight_shape")) {
    const WeightPanels panels =
        panels_of(c, 1, v.output_channels, v.channels_per_group(), v.taps());
    return load_for_sum(
        c, 1, panels.place(p.out, p.in_channel, flat_index(p.taps, kernel_sizes(v.window))));
  }
  indices.insert(indices.end(), p.taps.begin(), p.taps.end());
  return load_for_sum(c, 1, std::move(indices));
}

Computation conv_computation(const OpContext& c, int) {
  const Convolution v = conv_geometry(c);
  const SumPoint p = sum_point(v);
  const Scalars from = positions(v.window, p.spatial, p.taps);
  const Scalar x = load_for_sum(c, 0, v.layout.indices(p.batch, p.channel, from));
  return sum_of(c, sum_sizes(v),
                guarded(all_inside(v.window, from), x) * weight_at(c, v, p, {p.out, p.in_channel}),
                bias_of(c, p.out));
}

// Output position o takes tap t of the input at (o + pad_begin - t * dilation) / stride, where that
// is a whole number and in the input.
Computation conv_transpose_computation(const OpContext& c, int) {
  const Convolution v = conv_transpose_geometry(c);
  const SumPoint p = sum_point(v);
  Scalars from;
  Scalar inside = Scalar::boolean(true);
  for (size_t i = 0; i < v.window.size(); ++i) {
    const WindowAxis& axis = v.window[i];
    const Scalar stride = Scalar::i64(axis.stride);
    const Scalar scaled =
        p.spatial[i] + Scalar::size(axis.pad_begin) - p.taps[i] * Scalar::i64(axis.dilation);
    from.push_back(floor_div(scaled, stride));
    inside = inside && rem(scaled, stride) == Scalar::i64(0) && from[i] >= Scalar::i64(0) &&
             from[i] < Scalar::size(axis.output);
  }
  const Scalar x = load_for_sum(c, 0, v.layout.indices(p.batch, p.channel, from));
  const Scalar in_group = v.groups == 1 ? p.out : rem(p.out, Scalar::size(v.outputs_per_group()));
  return sum_of(c, sum_sizes(v), guarded(inside, x) * weight_at(c, v, p, {p.channel, in_group}),
                bias_of(c, p.out));
}

// ---- kernels
// ---------------------------------------------------------------------------------------------------------

Dims output_dims(const Convolution& v, bool transposed) {
  Dims spatial;
  for (const WindowAxis& axis : v.window) spatial.push_back(transposed ? axis.input : axis.output);
  return v.layout.dims(v.batch, v.output_channels, spatial);
}

// Elements between neighbours along each axis.
Shape strides_of(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t i = shape.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

ConvolutionShape kernel_shape(const Convolution& v, const Shape& input, const Shape& output,
                              bool transposed) {
  const Shape from = strides_of(input), to = strides_of(output);
  const auto channel = static_cast<size_t>(v.layout.channel());
  ConvolutionShape s;
  s.batch = v.batch.value();
  s.groups = v.groups;
  s.channels = v.channels_per_group().value();
  s.outputs = v.outputs_per_group().value();
  s.input_batch_stride = from[0], s.input_channel_stride = from[channel];
  s.output_batch_stride = to[0], s.output_channel_stride = to[channel];
  s.transposed = transposed;
  for (size_t i = 0; i < v.window.size(); ++i) {
    const WindowAxis& a = v.window[i];
    const auto axis = static_cast<size_t>(v.layout.spatial(static_cast<int>(i)));
    s.axes.push_back({input[axis], output[axis], a.kernel.value(), a.stride, a.dilation,
                      a.pad_begin.value(), from[axis], to[axis]});
  }
  return s;
}

// Weights in rows [O][I / groups][taps] from a transposed convolution's [I][O / groups][taps].
template <typename T>
std::vector<T> transposed_weights(const ConvolutionShape& s, const T* from, int64_t taps) {
  std::vector<T> rows(static_cast<size_t>(s.groups * s.outputs * s.channels * taps));
  for (int64_t g = 0; g < s.groups; ++g)
    for (int64_t i = 0; i < s.channels; ++i)
      for (int64_t o = 0; o < s.outputs; ++o)
        for (int64_t t = 0; t < taps; ++t)
          rows[static_cast<size_t>(((g * s.outputs + o) * s.channels + i) * taps + t)] = *from++;
  return rows;
}

template <typename T>
void run_convolution(const ConvolutionShape& s, const Tensor& x, const Tensor& w, bool packed,
                     const Tensor* bias, Tensor& y) {
  const T* weights = w.data<T>();
  std::vector<T> rows;
  if (s.transposed && !packed) {
    int64_t taps = 1;
    for (const ConvolutionAxis& axis : s.axes) taps *= axis.kernel;
    rows = transposed_weights(s, weights, taps);
    weights = rows.data();
  }
  convolution<T>(s, x.data<T>(), weights, bias ? bias->data<T>() : nullptr, y.mutable_data<T>());
}

std::vector<Tensor> run_kernel(const OpContext& c, const std::vector<const Tensor*>& operands,
                               const Convolution& v, bool transposed) {
  const WideOperands wide(operands);
  const Tensor &x = *wide[0], *bias = wide[2];
  const bool packed = c.has_attribute("weight_shape");
  if (packed) panels_of(c, 1, v.output_channels, v.channels_per_group(), v.taps());
  const Tensor w = packed ? unpack_panels(*wide[1], v.output_channels.value()) : *wide[1];
  Tensor y(x.dtype(), Type{x.dtype(), output_dims(v, transposed)}.shape());
  const ConvolutionShape s = kernel_shape(v, x.shape(), y.shape(), transposed);
  if (x.dtype() == DType::f64)
    run_convolution<double>(s, x, w, packed, bias, y);
  else
    run_convolution<float>(s, x, w, packed, bias, y);
  return {narrowed(std::move(y), operands[0]->dtype())};
}

// Sizes of the weights that a kernel was given.
Dims given_weight_sizes(const OpContext& c, const Tensor& weights) {
  return c.has_attribute("weight_shape") ? conv_weight_sizes(c) : to_dims(weights.shape());
}

std::vector<Tensor> conv_kernel(const Node& node, const std::vector<const Tensor*>& operands) {
  const OpContext c(node);
  const Dims input = to_dims(operands[0]->shape());
  return run_kernel(c, operands, conv_geometry(c, input, given_weight_sizes(c, *operands[1])), false);
}

std::vector<Tensor> conv_transpose_kernel(const Node& node,
                                          const std::vector<const Tensor*>& operands) {
  const OpContext c(node);
  const Dims input = to_dims(operands[0]->shape());
  return run_kernel(c, operands,
                    conv_transpose_geometry(c, input, given_weight_sizes(c, *operands[1])), true);
}

// ---- declarations
// ----------------------------------------------------------------------------------------------------

OpDef& window_attributes(OpDef& op) {
  return op.attribute("auto_pad", std::string("NOTSET"))
      .attribute("dilations", Ints{})
      .attribute("group", int64_t{1})
      .attribute("kernel_shape", Ints{})
      .attribute("pads", Ints{})
      .attribute("strides", Ints{})
      .attribute("channels_last", int64_t{0});
}

const std::string kSameUpper = "SAME_UPPER", kSameLower = "SAME_LOWER", kValid = "VALID";

[[maybe_unused]] OpDef& conv =
    window_attributes(register_op("Conv"))
        .doc(
            "Convolution over any number of spatial axes. channels_last: input and output are [N, "
            "spatial..., C]; the "
            "weights stay [O, I / group, kernel...]. With weight_shape, the weights' logical "
            "sizes, the operand is packed, "
            "see PackPanels.")
        .onnx({1, 11, 22})
        .input("X", kFloatTypes)
        .input("W", kFloatTypes)
        .optional_input("B", kFloatTypes)
        .output("Y")
        .optional_attribute("weight_shape", Ints{})
        .infer([](const OpContext& c) -> std::vector<Type> {
          return {{c.dtype(), output_dims(conv_geometry(c), false)}};
        })
        .compute(conv_computation)
        .gradient(conv_gradient)
        .kernel(conv_kernel)
        .example({random(DType::f32, {2, 3, 5, 6}), random(DType::f32, {4, 3, 3, 3}),
                  random(DType::f32, {4})},
                 {{"pads", Ints{1, 1, 1, 1}}})
        .example({random(DType::f32, {1, 4, 7}), random(DType::f32, {6, 2, 3})},
                 {{"group", int64_t{2}},
                  {"strides", Ints{2}},
                  {"dilations", Ints{2}},
                  {"pads", Ints{2, 1}}})
        .example({random(DType::f64, {1, 2, 4, 5, 3}), random(DType::f64, {3, 2, 2, 3, 1})},
                 {{"strides", Ints{1, 2, 1}}})
        .example({random(DType::f32, {1, 2, 6, 7}), random(DType::f32, {2, 1, 3, 2}),
                  random(DType::f32, {2})},
                 {{"auto_pad", kSameUpper}, {"group", int64_t{2}}, {"strides", Ints{2, 2}}})
        .example({random(DType::f32, {1, 2, 6, 7}), random(DType::f32, {2, 2, 2, 2})},
                 {{"auto_pad", kSameLower}})
        .example({random(DType::f32, {1, 2, 6, 7}), random(DType::f32, {2, 2, 2, 2})},
                 {{"auto_pad", kValid}, {"kernel_shape", Ints{2, 2}}})
        .example({random(DType::f32, {2, 5, 6, 3}), random(DType::f32, {4, 3, 3, 3}),
                  random(DType::f32, {4})},
                 {{"pads", Ints{0, 1, 2, 1}}, {"channels_last", int64_t{1}}})
        .example({random(DType::f32, {1, 5, 6, 4}), random(DType::f32, {2, 2, 4, 2, 4}),
                  random(DType::f32, {10})},
                 {{"group", int64_t{2}},
                  {"channels_last", int64_t{1}},
                  {"weight_shape", Ints{10, 2, 2, 2}}})
        .example({random(DType::f16, {1, 2, 4, 4}), random(DType::f16, {3, 2, 3, 3}),
                  random(DType::f16, {3})})
        .example({random(DType::bf16, {1, 2, 4, 4}), random(DType::bf16, {3, 2, 1, 1})});

[[maybe_unused]] OpDef& conv_transpose =
    window_attributes(register_op("ConvTranspose"))
        .doc(
            "Transposed convolution, the gradient of a convolution with respect to its input. "
            "channels_last as in Conv; "
            "the weights are [I, O / group, kernel...], or packed as weight_shape says.")
        .onnx({1, 11, 22})
        .input("X", kFloatTypes)
        .input("W", kFloatTypes)
        .optional_input("B", kFloatTypes)
        .output("Y")
        .attribute("output_padding", Ints{})
        .attribute("output_shape", Ints{})
        .optional_attribute("weight_shape", Ints{})
        .infer([](const OpContext& c) -> std::vector<Type> {
          return {{c.dtype(), output_dims(conv_transpose_geometry(c), true)}};
        })
        .compute(conv_transpose_computation)
        .gradient(conv_transpose_gradient)
        .kernel(conv_transpose_kernel)
        .example(
            {random(DType::f32, {1, 2, 3, 4}), random(DType::f32, {2, 3, 3, 3}),
             random(DType::f32, {3})},
            {{"strides", Ints{2, 3}}, {"pads", Ints{1, 0, 1, 2}}, {"output_padding", Ints{1, 0}}})
        .example({random(DType::f64, {2, 4, 5}), random(DType::f64, {4, 3, 2})},
                 {{"group", int64_t{2}}, {"dilations", Ints{2}}})
        .example({random(DType::f32, {1, 1, 3, 3}), random(DType::f32, {1, 2, 3, 3})},
                 {{"strides", Ints{3, 2}}, {"output_shape", Ints{10, 8}}})
        .example({random(DType::f32, {1, 1, 3, 3}), random(DType::f32, {1, 2, 3, 3})},
                 {{"strides", Ints{2, 2}}, {"auto_pad", kSameUpper}})
        .example({random(DType::f32, {1, 2, 2, 2, 2}), random(DType::f32, {2, 1, 2, 1, 3})},
                 {{"auto_pad", kSameLower}})
        .example({random(DType::f32, {1, 3, 4, 2}), random(DType::f32, {2, 3, 2, 2})},
                 {{"channels_last", int64_t{1}}, {"strides", Ints{2, 2}}})
        .example({random(DType::f32, {1, 3, 4, 8}), random(DType::f32, {8, 5, 3, 5})},
                 {{"channels_last", int64_t{1}},
                  {"group", int64_t{2}},
                  {"strides", Ints{2, 3}},
                  {"dilations", Ints{3, 2}},
                  {"pads", Ints{0, 2, 1, 1}}})
        .example({random(DType::f32, {2, 3, 2, 2}), random(DType::f32, {1, 3, 2, 2, 4})},
                 {{"channels_last", int64_t{1}},
                  {"strides", Ints{1, 2}},
                  {"weight_shape", Ints{2, 10, 1, 2}}})
        .example({random(DType::f16, {1, 2, 3, 3}), random(DType::f16, {2, 2, 2, 2})});

}  // namespace
}  // namespace cnnc

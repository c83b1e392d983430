// Pools over sliding windows and over whole images.
#include <cmath>

#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/limits.h"
#include "ir/ops/packed_weights.h"
#include "ir/ops/pooling.h"

namespace cnnc {

Pool pool_geometry(const OpContext& c, const ChannelLayout& layout, const Dims& dims) {
  Pool pool;
  pool.layout = layout;
  const auto n = static_cast<size_t>(pool.layout.spatial_rank());
  const Ints kernel = c.integers("kernel_shape");
  c.require(kernel.size() == n, "kernel_shape has ", kernel.size(), " numbers, need ", n,
            ", one for each spatial axis of ", Type{c.dtype(), dims});
  pool.window =
      window_of(c, pool.layout.spatial_dims(dims), to_dims(per_axis(c, "kernel_shape", n)));
  return pool;
}

Pool pool_geometry(const OpContext& c) {
  return pool_geometry(c, channel_layout(c), c.dims());
}

Scalar counted_taps(const WindowAxis& axis, const Scalar& out, bool count_padding) {
  const Scalar start = out * Scalar::i64(axis.stride), d = Scalar::i64(axis.dilation);
  const auto taps_before = [&](const Dim& end) {
    return floor_div(Scalar::size(end) - start + Scalar::i64(axis.dilation - 1), d);
  };
  const Dim last = (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation;
  const Dim end = axis.pad_begin + axis.input + (count_padding ? axis.pad_end : Dim(0));
  const auto room = (end - last).lower_bound();
  Scalar count = Scalar::size(axis.kernel);
  if (!room || *room < 1) count = min(count, taps_before(end));
  if (!count_padding && !(axis.pad_begin == 0))
    count = count - max(taps_before(axis.pad_begin), Scalar::i64(0));
  return count;
}

OpDef& pool_attributes(OpDef& op) {
  return op.attribute("auto_pad", std::string("NOTSET"))
      .attribute("ceil_mode", int64_t{0})
      .attribute("dilations", Ints{})
      .required_attribute("kernel_shape", Ints{})
      .attribute("pads", Ints{})
      .attribute("strides", Ints{})
      .attribute("channels_last", int64_t{0});
}

namespace {

// ---- windows
// ---------------------------------------------------------------------------------------------------------

Type pooled_type(const OpContext& c) {
  const Pool pool = pool_geometry(c);
  const Dims& dims = c.dims();
  return {c.dtype(), pool.layout.dims(dims[0], dims[static_cast<size_t>(pool.layout.channel())],
                                      output_sizes(pool.window))};
}

// One tap of the window of an output element.
struct Tap {
  Scalar value;   // the element, only to be read where `inside`
  Scalar inside;  // null where it always is
  Scalars position;
};

Tap tap_of(const OpContext& c, const Pool& pool) {
  const int n = pool.layout.spatial_rank();
  Scalars outs;
  for (int i = 0; i < n; ++i) outs.push_back(Scalar::index(pool.layout.spatial(i)));
  Tap tap;
  tap.position = positions(pool.window, outs, OpContext::indices(n, pool.layout.rank));
  tap.inside = all_inside(pool.window, tap.position);
  tap.value = load_for_sum(
      c, 0,
      pool.layout.indices(Scalar::index(0), Scalar::index(pool.layout.channel()), tap.position));
  return tap;
}

Scalar inside_or(const Tap& tap, const Scalar& value, const Scalar& otherwise) {
  return tap.inside ? select(tap.inside, value, otherwise) : value;
}

// ---- MaxPool
// ---------------------------------------------------------------------------------------------------------

std::vector<Type> max_pool_type(const OpContext& c) {
  const int64_t order = c.integer("storage_order");
  c.require(order == 0 || order == 1, "storage_order is ", order, ", need 0 or 1");
  c.require(c.output_count() < 2 || !c.integer("channels_last"),
            "with channels_last there are no indices");
  const Type pooled = pooled_type(c);
  return {pooled, {DType::i64, pooled.dims}};
}

Computation max_pool_values(const OpContext& c, const Pool& pool) {
  const Tap tap = tap_of(c, pool);
  const DType dtype = tap.value.dtype();
  Computation result;
  result.dtype = c.dtype();
  result.space = c.output_type().dims;
  result.reduce = kernel_sizes(pool.window);
  result.elements = {inside_or(tap, tap.value, lowest(dtype))};
  result.init = {lowest(dtype)};
  result.combine = {max(Scalar::param(0, dtype), Scalar::param(1, dtype))};
  result.value = cast(Scalar::param(0, dtype), result.dtype);
  return result;
}

// Position of an element in the whole input; storage_order 1 counts the spatial axes in
// column-major order.
Scalar input_offset(const OpContext& c, const Pool& pool, const Tap& tap) {
  Scalars indices{Scalar::index(0), Scalar::index(1)};
  Dims sizes{c.dims()[0], c.dims()[1]};
  Dims spatial = pool.layout.spatial_dims(c.dims());
  Scalars position = tap.position;
  if (c.integer("storage_order")) {
    spatial = Dims(spatial.rbegin(), spatial.rend());
    position = Scalars(position.rbegin(), position.rend());
  }
  indices.insert(indices.end(), position.begin(), position.end());
  sizes.insert(sizes.end(), spatial.begin(), spatial.end());
  return flat_index(indices, sizes);
}

// Two accumulators: the greatest element so far and where it is, -1 before the first. Of equal ones
// the first counts.
Computation max_pool_indices(const OpContext& c, const Pool& pool) {
  const Tap tap = tap_of(c, pool);
  const DType dtype = tap.value.dtype();
  const Scalar none = Scalar::i64(-1);
  Computation result;
  result.dtype = DType::i64;
  result.space = c.output_type(1).dims;
  result.reduce = kernel_sizes(pool.window);
  result.elements = {inside_or(tap, tap.value, lowest(dtype)),
                     inside_or(tap, input_offset(c, pool, tap), none)};
  result.init = {lowest(dtype), none};
  const Scalar best = Scalar::param(0, dtype), at = Scalar::param(1, DType::i64);
  const Scalar value = Scalar::param(2, dtype), place = Scalar::param(3, DType::i64);
  Scalar better = value > best;
  if (is_float(dtype)) better = better || (is_nan(value) && !is_nan(best));
  better = place >= Scalar::i64(0) && (at < Scalar::i64(0) || better);
  result.combine = {select(better, value, best), select(better, place, at)};
  result.value = at;
  return result;
}

Computation max_pool(const OpContext& c, int output) {
  const Pool pool = pool_geometry(c);
  return output == 0 ? max_pool_values(c, pool) : max_pool_indices(c, pool);
}

// ---- AveragePool
// -----------------------------------------------------------------------------------------------------

Computation average_pool(const OpContext& c, int) {
  const Pool pool = pool_geometry(c);
  const Tap tap = tap_of(c, pool);
  Scalar count = Scalar::i64(1);
  for (size_t i = 0; i < pool.window.size(); ++i)
    count = count * counted_taps(pool.window[i],
                                 Scalar::index(pool.layout.spatial(static_cast<int>(i))),
                                 c.integer("count_include_pad") != 0);
  Computation result =
      sum_of(c, kernel_sizes(pool.window), inside_or(tap, tap.value, tap.value.like(0)));
  const DType dtype = tap.value.dtype();
  const Scalar divisor = count.is_constant()
                             ? Scalar::constant(dtype, static_cast<double>(count->integer))
                             : cast(count, dtype);
  result.value = cast(Scalar::param(0, dtype) / divisor, result.dtype);
  return result;
}

// ---- LpPool
// ----------------------------------------------------------------------------------------------------------

Scalar power_of_size(const Scalar& x, int64_t p) {
  if (p == 1) return abs(x);
  if (p == 2) return x * x;
  return pow(abs(x), x.like(static_cast<double>(p)));
}

Scalar root(const Scalar& x, int64_t p) {
  if (p == 1) return x;
  if (p == 2) return sqrt(x);
  return pow(x, x.like(1.0 / static_cast<double>(p)));
}

void check_power(const OpContext& c) {
  c.require(c.integer("p") >= 1, "p is ", c.integer("p"), ", need a positive number");
}

Computation lp_pool(const OpContext& c, int) {
  const Pool pool = pool_geometry(c);
  const Tap tap = tap_of(c, pool);
  const int64_t p = c.integer("p");
  Computation result = sum_of(c, kernel_sizes(pool.window),
                              inside_or(tap, power_of_size(tap.value, p), tap.value.like(0)));
  result.value = cast(root(Scalar::param(0, tap.value.dtype()), p), result.dtype);
  return result;
}

// Version 1 had a float p.
void whole_power(OnnxNode& n) {
  const std::optional<Attribute> p = n.take("p");
  if (!p) return;
  const double* value = std::get_if<double>(&*p);
  if (value == nullptr || *value != std::floor(*value) || std::abs(*value) > 1e9)
    throw Error(cat(n.op, ": attribute 'p' must be a whole number"));
  n.attributes["p"] = static_cast<int64_t>(*value);
}

const std::string kSameUpper = "SAME_UPPER", kSameLower = "SAME_LOWER", kValid = "VALID";

[[maybe_unused]] OpDef& op_MaxPool =
    pool_attributes(register_op("MaxPool"))
        .doc(
            "The greatest element of each window, and optionally where in the input it is. Padding "
            "never wins. A NaN in "
            "a window is its greatest element. With channels_last, input and output are [N, "
            "spatial..., C].")
        .onnx({1, 8, 10, 11, 12, 22})
        .input("X", kNumberTypes)
        .output("Y")
        .optional_output("Indices")
        .attribute("storage_order", int64_t{0})
        .infer(max_pool_type)
        .compute(max_pool)
        .gradient(max_pool_gradient)
        .example({random(DType::f32, {1, 2, 6, 7})}, {{"kernel_shape", Ints{2, 3}}}, 1)
        .example(
            {random(DType::f32, {1, 2, 6, 7})},
            {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}, 2)
        .example({random(DType::f32, {1, 2, 6, 7})},
                 {{"kernel_shape", Ints{3, 2}},
                  {"strides", Ints{2, 2}},
                  {"ceil_mode", int64_t{1}},
                  {"storage_order", int64_t{1}}},
                 2)
        .example({random(DType::f64, {2, 3, 9})},
                 {{"kernel_shape", Ints{3}}, {"dilations", Ints{2}}}, 2)
        .example({random(DType::f32, {1, 1, 4, 5, 3})},
                 {{"kernel_shape", Ints{2, 2, 2}}, {"auto_pad", kSameLower}}, 1)
        .example({random(DType::i8, {1, 2, 4, 4}, -128, 127)},
                 {{"kernel_shape", Ints{2, 2}}, {"auto_pad", kSameUpper}}, 1)
        .example({random(DType::u8, {1, 2, 4, 4}, 0, 255)},
                 {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 1, 0, 0}}}, 2)
        .example({random(DType::f16, {1, 2, 4, 4})},
                 {{"kernel_shape", Ints{2, 2}}, {"auto_pad", kValid}}, 2)
        .example({random(DType::f32, {1, 6, 7, 3})},
                 {{"kernel_shape", Ints{2, 3}},
                  {"channels_last", int64_t{1}},
                  {"pads", Ints{1, 0, 0, 2}}},
                 1);

[[maybe_unused]] OpDef& op_AveragePool =
    pool_attributes(register_op("AveragePool"))
        .doc(
            "The mean of each window: of its elements inside the input or, with count_include_pad, "
            "inside the padded "
            "input. channels_last as in MaxPool.")
        .onnx({1, 7, 10, 11, 19, 22})
        .input("X", kFloatTypes)
        .output("Y")
        .attribute("count_include_pad", int64_t{0})
        .infer([](const OpContext& c) -> std::vector<Type> { return {pooled_type(c)}; })
        .compute(average_pool)
        .gradient(average_pool_gradient)
        .example({random(DType::f32, {1, 2, 6, 7})}, {{"kernel_shape", Ints{2, 3}}})
        .example(
            {random(DType::f32, {1, 2, 6, 7})},
            {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}})
        .example({random(DType::f32, {1, 2, 6, 7})}, {{"kernel_shape", Ints{3, 3}},
                                                      {"strides", Ints{2, 2}},
                                                      {"pads", Ints{1, 1, 1, 1}},
                                                      {"ceil_mode", int64_t{1}},
                                                      {"count_include_pad", int64_t{1}}})
        .example({random(DType::f32, {1, 1, 6, 6})}, {{"kernel_shape", Ints{2, 2}},
                                                      {"strides", Ints{3, 3}},
                                                      {"dilations", Ints{2, 2}},
                                                      {"pads", Ints{1, 1, 1, 1}},
                                                      {"ceil_mode", int64_t{1}}})
        .example({random(DType::f64, {2, 3, 9})},
                 {{"kernel_shape", Ints{4}}, {"auto_pad", kSameLower}})
        .example({random(DType::f16, {1, 2, 4, 4, 3})}, {{"kernel_shape", Ints{2, 2, 2}},
                                                         {"auto_pad", kSameUpper},
                                                         {"count_include_pad", int64_t{1}}})
        .example({random(DType::f32, {1, 6, 7, 3})}, {{"kernel_shape", Ints{2, 3}},
                                                      {"channels_last", int64_t{1}},
                                                      {"pads", Ints{1, 0, 0, 2}}});

[[maybe_unused]] OpDef& op_LpPool =
    pool_attributes(register_op("LpPool"))
        .doc("The p-norm of each window. channels_last as in MaxPool.")
        .onnx({1, 2, 11, 18, 22})
        .onnx_upgrade(1, whole_power)
        .input("X", kFloatTypes)
        .output("Y")
        .attribute("p", int64_t{2})
        .infer([](const OpContext& c) -> std::vector<Type> {
          check_power(c);
          return {pooled_type(c)};
        })
        .compute(lp_pool)
        .gradient(lp_pool_gradient)
        .example({random(DType::f32, {1, 2, 6, 7})}, {{"kernel_shape", Ints{2, 3}}})
        .example({random(DType::f32, {1, 2, 6, 7})}, {{"kernel_shape", Ints{3, 3}},
                                                      {"strides", Ints{2, 2}},
                                                      {"pads", Ints{1, 1, 1, 1}},
                                                      {"p", int64_t{3}}})
        .example({random(DType::f64, {1, 2, 8})},
                 {{"kernel_shape", Ints{3}}, {"p", int64_t{1}}, {"dilations", Ints{2}}});

// ---- pools over all spatial axes
// -------------------------------------------------------------------------------------

std::vector<Type> global_pool_type(const OpContext& c) {
  const ChannelLayout layout = channel_layout(c);
  const Dims& dims = c.dims();
  return {{c.dtype(), layout.dims(dims[0], dims[static_cast<size_t>(layout.channel())],
                                  Dims(static_cast<size_t>(layout.spatial_rank()), 1))}};
}

Value* over_image(const Node& node, Graph& g, std::string_view reduction, Value* x) {
  const ChannelLayout layout = channel_layout(OpContext(node));
  Ints axes;
  for (int i = 0; i < layout.spatial_rank(); ++i) axes.push_back(layout.spatial(i));
  return reduced(g, reduction, x, axes);
}

std::vector<Value*> global_lp_parts(const Node& node, Graph& g) {
  const int64_t p = node.int_attribute("p");
  Value* x = widened(g, node.input(0));
  if (p <= 2) {
    x = over_image(node, g, p == 1 ? "ReduceL1" : "ReduceL2", x);
  } else {
    const double power = static_cast<double>(p);
    x = g.make("Pow", {g.make("Abs", {x}), number_like(g, x, power)});
    x = g.make("Pow", {over_image(node, g, "ReduceSum", x), number_like(g, x, 1 / power)});
  }
  return {converted(g, x, node.input(0)->dtype())};
}

OpDef& global_pool(std::string name, const char* doc) {
  return register_op(std::move(name))
      .doc(doc)
      .input("X", kFloatTypes)
      .output("Y")
      .attribute("channels_last", int64_t{0});
}

[[maybe_unused]] OpDef& op_GlobalAveragePool =
    global_pool(
        "GlobalAveragePool",
        "The mean over all spatial axes, which stay with size 1. channels_last as in MaxPool.")
        .onnx({1, 22})
        .infer(global_pool_type)
        .decompose([](const Node& n, Graph& g) -> std::vector<Value*> {
          return {over_image(n, g, "ReduceMean", n.input(0))};
        })
        .example({random(DType::f32, {2, 3, 4, 5})})
        .example({random(DType::f64, {2, 3, 4})})
        .example({random(DType::f32, {2, 4, 5, 3})}, {{"channels_last", int64_t{1}}});

[[maybe_unused]] OpDef& op_GlobalMaxPool =
    global_pool(
        "GlobalMaxPool",
        "The maximum over all spatial axes, which stay with size 1. channels_last as in MaxPool.")
        .onnx({1, 22})
        .infer(global_pool_type)
        .decompose([](const Node& n, Graph& g) -> std::vector<Value*> {
          return {over_image(n, g, "ReduceMax", n.input(0))};
        })
        .example({random(DType::f32, {2, 3, 4, 5})})
        .example({random(DType::f16, {2, 3, 4, 2, 2})})
        .example({random(DType::f32, {2, 4, 5, 3})}, {{"channels_last", int64_t{1}}});

[[maybe_unused]] OpDef& op_GlobalLpPool =
    global_pool(
        "GlobalLpPool",
        "The p-norm over all spatial axes, which stay with size 1. channels_last as in MaxPool.")
        .onnx({1, 2, 22})
        .onnx_upgrade(1, whole_power)
        .attribute("p", int64_t{2})
        .infer([](const OpContext& c) {
          check_power(c);
          return global_pool_type(c);
        })
        .decompose(global_lp_parts)
        .example({random(DType::f32, {2, 3, 4, 5})})
        .example({random(DType::f32, {2, 3, 4})}, {{"p", int64_t{1}}})
        .example({random(DType::f64, {2, 3, 4})}, {{"p", int64_t{3}}});

}  // namespace
}  // namespace cnnc

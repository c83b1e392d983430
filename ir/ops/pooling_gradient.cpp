// Gradients of pools.
//
// Each element of the input sums over the windows that contain it, instead of each window scattering
// into the input, so that elements are independent and the order of the sum is fixed.
#include <algorithm>

#include "ir/ops/contraction.h"
#include "ir/ops/limits.h"
#include "ir/ops/pooling.h"

namespace cnnc {
namespace {

// Operands of the gradients: dY and, for its shape only, the pool's input.
constexpr size_t kGradient = 0, kData = 1, kTaps = 2;

Pool data_geometry(const OpContext& c) {
  const ChannelLayout layout{c.rank(kData), c.integer("channels_last") != 0};
  return pool_geometry(c, layout, c.dims(kData));
}

// The window of which the element at the output's indices is tap number index(rank...).
struct Holder {
  Scalars window;  // spatial indices, only to be used where `exists`
  Scalar exists;
};

Holder holder_of(const Pool& pool) {
  const int n = pool.layout.spatial_rank();
  Holder holder;
  holder.exists = Scalar::boolean(true);
  for (int i = 0; i < n; ++i) {
    const WindowAxis& axis = pool.window[static_cast<size_t>(i)];
    const Scalar tap = Scalar::index(pool.layout.rank + i);
    const Scalar start = Scalar::index(pool.layout.spatial(i)) + Scalar::size(axis.pad_begin) -
                         tap * Scalar::i64(axis.dilation);
    const Scalar stride = Scalar::i64(axis.stride);
    const Scalar window = floor_div(start, stride);
    holder.window.push_back(window);
    holder.exists =
        holder.exists && window >= Scalar::i64(0) && window < Scalar::size(axis.output);
    if (axis.stride != 1) holder.exists = holder.exists && rem(start, stride) == Scalar::i64(0);
  }
  return holder;
}

// Whether each element lies in one window at most, so that its gradient needs no sum.
bool windows_are_apart(const Pool& pool) {
  return std::all_of(pool.window.begin(), pool.window.end(), [](const WindowAxis& axis) {
    return axis.dilation == 1 && axis.kernel.is_const() && axis.kernel.value() <= axis.stride;
  });
}

// Of windows that are apart: the only one that can hold the output's element, and which tap that is.
struct OnlyHolder {
  Holder holder;
  Scalar tap;  // the number of the tap, in row-major order
};

OnlyHolder only_holder_of(const Pool& pool) {
  OnlyHolder only{{{}, Scalar::boolean(true)}, Scalar::i64(0)};
  for (size_t i = 0; i < pool.window.size(); ++i) {
    const WindowAxis& axis = pool.window[i];
    const Scalar at = Scalar::index(pool.layout.spatial(static_cast<int>(i))) + Scalar::size(axis.pad_begin);
    const Scalar window = floor_div(at, Scalar::i64(axis.stride));
    const Scalar tap = at - window * Scalar::i64(axis.stride);
    Scalar& exists = only.holder.exists;
    if (axis.kernel.value() < axis.stride) exists = exists && tap < Scalar::size(axis.kernel);
    const Dim beyond = axis.input + axis.pad_begin - axis.output * axis.stride;
    if (beyond.upper_bound().value_or(1) > 0) exists = exists && window < Scalar::size(axis.output);
    only.holder.window.push_back(window);
    only.tap = only.tap * Scalar::size(axis.kernel) + tap;
  }
  return only;
}

Scalars place_of(const Pool& pool, const Scalars& spatial) {
  return pool.layout.indices(Scalar::index(0), Scalar::index(pool.layout.channel()), spatial);
}

// The number of the tap, in row-major order.
Scalar tap_number(const Pool& pool, DType dtype) {
  Scalar number = Scalar::i64(0);
  for (size_t i = 0; i < pool.window.size(); ++i)
    number = number * Scalar::size(pool.window[i].kernel) +
             Scalar::index(pool.layout.rank + static_cast<int>(i));
  return cast(number, dtype);
}

// ---- MaxPool

// Bytes do for all windows of common sizes; their greatest number stands for none.
DType tap_type(const Pool& pool) {
  const Dim taps = product(kernel_sizes(pool.window));
  return taps.is_const() && taps.value() < 256 ? DType::u8 : DType::i32;
}

std::vector<Type> taps_type(const OpContext& c) {
  const Pool pool = pool_geometry(c);
  const Dims& dims = c.dims();
  return {{tap_type(pool), pool.layout.dims(dims[0], dims[static_cast<size_t>(pool.layout.channel())],
                                        output_sizes(pool.window))}};
}

// Two accumulators: the greatest element so far and its tap. Of equal ones the first counts.
Computation winning_taps(const OpContext& c, int) {
  const Pool pool = pool_geometry(c);
  const int n = pool.layout.spatial_rank();
  Scalars outs;
  for (int i = 0; i < n; ++i) outs.push_back(Scalar::index(pool.layout.spatial(i)));
  const Scalars from = positions(pool.window, outs, OpContext::indices(n, pool.layout.rank));
  const Scalar inside = all_inside(pool.window, from);
  const Scalar x = load_for_sum(c, 0, place_of(pool, from));
  const DType dtype = x.dtype();
  const Scalar none = Scalar::constant_int(DType::i32, -1);
  const Scalar number = tap_number(pool, DType::i32);
  Computation result;
  result.dtype = c.output_type().dtype;
  result.space = c.output_type().dims;
  result.reduce = kernel_sizes(pool.window);
  result.elements = {inside ? select(inside, x, lowest(dtype)) : x,
                     inside ? select(inside, number, none) : number};
  result.init = {lowest(dtype), none};
  const Scalar best = Scalar::param(0, dtype), at = Scalar::param(1, DType::i32);
  const Scalar value = Scalar::param(2, dtype), tap = Scalar::param(3, DType::i32);
  const Scalar zero = Scalar::constant_int(DType::i32, 0);
  const Scalar better =
      tap >= zero && (at < zero || value > best || (is_nan(value) && !is_nan(best)));
  result.combine = {select(better, value, best), select(better, tap, at)};
  result.value = cast(at, result.dtype);
  return result;
}

[[maybe_unused]] OpDef& op_MaxPoolTaps =
    pool_attributes(register_op("MaxPoolTaps"))
        .doc("Which tap of each window MaxPool takes: its number in row-major order.")
        .input("X", kFloatTypes)
        .infer(taps_type)
        .compute(winning_taps)
        .example({random(DType::f32, {1, 2, 6, 7})}, {{"kernel_shape", Ints{2, 3}}})
        .example({random(DType::f64, {1, 6, 7, 3})}, {{"kernel_shape", Ints{3, 3}},
                                                      {"strides", Ints{2, 2}},
                                                      {"pads", Ints{1, 1, 1, 1}},
                                                      {"channels_last", int64_t{1}}});

Computation element_of(const OpContext& c, const Scalar& value) {
  Computation result;
  result.dtype = c.output_type().dtype;
  result.space = c.output_type().dims;
  result.value = value;
  return result;
}

Computation max_pool_element(const OpContext& c, const Pool& pool) {
  const OnlyHolder only = only_holder_of(pool);
  const Scalars place = place_of(pool, only.holder.window);
  const Scalar dy = c.load(kGradient, place), zero = dy.like(0);
  const Scalar wins = c.load(kTaps, place) == cast(only.tap, c.dtype(kTaps));
  return element_of(c, select(only.holder.exists, select(wins, dy, zero), zero));
}

Computation max_pool_sum(const OpContext& c, int) {
  const Pool pool = data_geometry(c);
  if (windows_are_apart(pool)) return max_pool_element(c, pool);
  const Holder holder = holder_of(pool);
  const Scalars place = place_of(pool, holder.window);
  const Scalar dy = load_for_sum(c, kGradient, place);
  const Scalar wins = c.load(kTaps, place) == tap_number(pool, c.dtype(kTaps));
  const Scalar zero = dy.like(0);
  return sum_of(c, kernel_sizes(pool.window),
                select(holder.exists, select(wins, dy, zero), zero));
}

[[maybe_unused]] OpDef& op_MaxPoolGradient =
    pool_attributes(register_op("MaxPoolGradient"))
        .doc(
            "The gradient of MaxPool with respect to its input X, of which only the shape counts; "
            "`taps` are those of MaxPoolTaps.")
        .input("dY", kFloatTypes)
        .input("X", kFloatTypes)
        .input("taps", {DType::u8, DType::i32}, "")
        .infer([](const OpContext& c) -> std::vector<Type> { return {c.type(kData)}; })
        .compute(max_pool_sum)
        .example({random(DType::f32, {1, 2, 5, 5}), random(DType::f32, {1, 2, 6, 7}),
                  random(DType::i32, {1, 2, 5, 5}, 0, 6)},
                 {{"kernel_shape", Ints{2, 3}}})
        .example({random(DType::f32, {2, 4, 3, 5}), random(DType::f32, {2, 8, 7, 5}),
                  random(DType::u8, {2, 4, 3, 5}, 0, 4)},
                 {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"channels_last", int64_t{1}}})
        .example({random(DType::f32, {1, 2, 3, 3}), random(DType::f32, {1, 2, 7, 8}),
                  random(DType::u8, {1, 2, 3, 3}, 0, 4)},
                 {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{3, 3}}, {"pads", Ints{1, 0, 0, 0}}})
        .example({random(DType::f64, {1, 3, 4, 2}), random(DType::f64, {1, 6, 7, 2}),
                  random(DType::i32, {1, 3, 4, 2}, 0, 9)},
                 {{"kernel_shape", Ints{3, 3}},
                  {"strides", Ints{2, 2}},
                  {"pads", Ints{1, 1, 1, 1}},
                  {"channels_last", int64_t{1}}});

// ---- AveragePool

// dY of a window, divided among its elements.
Scalar share_of(const OpContext& c, const Pool& pool, const Holder& holder, const Scalar& dy) {
  if (c.integer("of_sums")) return dy;
  Scalar count = Scalar::i64(1);
  for (size_t i = 0; i < pool.window.size(); ++i)
    count = count *
            counted_taps(pool.window[i], holder.window[i], c.integer("count_include_pad") != 0);
  const Scalar divisor = count.is_constant()
                             ? Scalar::constant(dy.dtype(), static_cast<double>(count->integer))
                             : cast(count, dy.dtype());
  return dy / divisor;
}

Computation average_pool_sum(const OpContext& c, int) {
  const Pool pool = data_geometry(c);
  if (windows_are_apart(pool)) {
    const Holder holder = only_holder_of(pool).holder;
    const Scalar dy = c.load(kGradient, place_of(pool, holder.window));
    return element_of(c, select(holder.exists, share_of(c, pool, holder, dy), dy.like(0)));
  }
  const Holder holder = holder_of(pool);
  const Scalar dy = load_for_sum(c, kGradient, place_of(pool, holder.window));
  return sum_of(c, kernel_sizes(pool.window), select(holder.exists, share_of(c, pool, holder, dy), dy.like(0)));
}

[[maybe_unused]] OpDef& op_AveragePoolGradient =
    pool_attributes(register_op("AveragePoolGradient"))
        .doc(
            "The gradient of AveragePool with respect to its input X, of which only the shape "
            "counts. of_sums: of the pool that sums its windows instead.")
        .input("dY", kFloatTypes)
        .input("X", kFloatTypes)
        .attribute("count_include_pad", int64_t{0})
        .attribute("of_sums", int64_t{0})
        .infer([](const OpContext& c) -> std::vector<Type> { return {c.type(kData)}; })
        .compute(average_pool_sum)
        .example({random(DType::f32, {1, 2, 5, 5}), random(DType::f32, {1, 2, 6, 7})},
                 {{"kernel_shape", Ints{2, 3}}})
        .example({random(DType::f32, {2, 3, 3, 5}), random(DType::f32, {2, 5, 7, 5})},
                 {{"kernel_shape", Ints{2, 2}},
                  {"strides", Ints{2, 3}},
                  {"pads", Ints{1, 0, 0, 0}},
                  {"channels_last", int64_t{1}}})
        .example({random(DType::f64, {1, 3, 4, 2}), random(DType::f64, {1, 6, 7, 2})},
                 {{"kernel_shape", Ints{3, 3}},
                  {"strides", Ints{2, 2}},
                  {"pads", Ints{1, 1, 1, 1}},
                  {"channels_last", int64_t{1}}});

Attributes window_attributes(const Node& node) {
  Attributes attributes = node.attributes();
  attributes.erase("storage_order");
  return attributes;
}

}  // namespace

void max_pool_gradient(GradientBuilder& g) {
  const Attributes attributes = window_attributes(g.node());
  Value* taps = g.make("MaxPoolTaps", {g.input(0)}, attributes);
  g.wrt(0, g.make("MaxPoolGradient", {g.out_grad(), g.input(0), taps}, attributes));
}

// y = (sum of |x|^p)^(1/p): dx = |x|^(p-1) sign(x) times the sum of dy y^(1-p) over the windows.
void lp_pool_gradient(GradientBuilder& g) {
  const auto p = static_cast<double>(g.node().int_attribute("p"));
  Attributes attributes = g.node().attributes();
  attributes.erase("p");
  attributes["of_sums"] = int64_t{1};
  Value *x = g.input(0), *dy = g.out_grad();
  if (p != 1) dy = g.mul(dy, g.make("Pow", {g.output(), g.number(1 - p)}));
  Value* sums = g.make("AveragePoolGradient", {dy, x}, attributes);
  Value* slope = g.make("Sign", {x});
  if (p != 1) slope = g.mul(slope, g.make("Pow", {g.make("Abs", {x}), g.number(p - 1)}));
  g.wrt(0, g.mul(sums, slope));
}

void average_pool_gradient(GradientBuilder& g) {
  g.wrt(0, g.make("AveragePoolGradient", {g.out_grad(), g.input(0)}, g.node().attributes()));
}

}  // namespace cnnc

// GridSample and its gradients.
#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/onnx_history.h"
#include "ir/ops/sampling.h"

namespace cnnc {
namespace {
using enum DType;

// Stands for the coordinate of spatial axis i while weights are built, so that they can be
// differentiated by it.
constexpr int kCoordinate = 900;

// How one node samples: which operands hold the image and the grid, and in what type it computes.
struct Sampling {
  const OpContext& c;
  size_t image, grid;
  DType type;

  int spatial() const { return c.rank(image) - 2; }
  const Dim& size(int axis) const { return c.dims(image)[static_cast<size_t>(axis + 2)]; }
  bool is(const char* mode) const { return c.text("mode") == mode; }
  bool pads_with(const char* mode) const { return c.text("padding_mode") == mode; }
  int64_t taps() const { return is("nearest") ? 1 : is("linear") ? 2 : 4; }
  Scalar number(double x) const { return Scalar::constant(type, x); }
  Scalar length(int axis) const { return cast(Scalar::size(size(axis)), type); }
};

Sampling sampling_of(const OpContext& c, size_t image, size_t grid) {
  return {c, image, grid, c.dtype(grid) == f64 || c.dtype(image) == f64 ? f64 : f32};
}

// ---- coordinates

// The grid's number in [-1, 1] as a position on the axis.
Scalar position(const Sampling& s, int axis) {
  const Scalar n = Scalar::param(kCoordinate + axis, s.type), length = s.length(axis);
  if (s.c.integer("align_corners")) return (n + 1.0) / 2.0 * (length - 1.0);
  return ((n + 1.0) * length - 1.0) / 2.0;
}

// Mirrored at the borders until it lies between them.
Scalar reflected(const Scalar& x, const Scalar& low, const Scalar& high) {
  const Scalar range = high - low;
  const Scalar beyond = select(x < low, low - x, x - high);
  const Scalar turns = floor(beyond / range), rest = beyond - turns * range;
  const Scalar even = turns == floor(turns / 2.0) * 2.0;
  const Scalar from_low = low + rest, from_high = high - rest;
  const Scalar below = select(even, from_low, from_high), above = select(even, from_high, from_low);
  return select(x < low, below, select(x > high, above, x));
}

Scalar mirrored(const Sampling& s, int axis, const Scalar& x) {
  const double edge = s.c.integer("align_corners") ? 0.0 : -0.5;
  const Scalar low = s.number(edge), high = s.length(axis) - 1.0 - edge;
  // An axis of one element has no width to be mirrored in.
  return select(high > low, reflected(x, low, high), s.number(0));
}

// Positions beyond the border, as padding_mode says; zeros are left to the taps.
Scalar padded_position(const Sampling& s, int axis, const Scalar& x) {
  if (s.pads_with("border")) return max(s.number(0), min(x, s.length(axis) - 1.0));
  return s.pads_with("reflection") ? mirrored(s, axis, x) : x;
}

// ---- taps

struct Tap {
  Scalar index;   // i64, inside the image
  Scalar inside;  // whether it counts; null where it always does
  Scalar weight;
};

Scalar cubic_weight(const Scalar& d) {
  constexpr double a = -0.75;
  const Scalar near = ((a + 2) * d - (a + 3)) * d * d + 1.0;
  const Scalar far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return select(d <= d.like(1), near, far);
}

// Sample number `tap` of one axis.
Tap tap_of(const Sampling& s, int axis, const Scalar& tap) {
  Scalar x = position(s, axis);
  if (s.is("nearest")) x = round_even(x);
  x = padded_position(s, axis, x);
  const Scalar first = floor(x) - static_cast<double>(s.is("cubic") ? 1 : 0);
  const Scalar at = first + cast(tap, s.type);
  const Scalar distance = abs(x - at);
  Tap result;
  result.weight = s.is("nearest")  ? s.number(1)
                  : s.is("linear") ? 1.0 - distance
                                   : cubic_weight(distance);
  const Scalar index = cast(s.pads_with("reflection") ? mirrored(s, axis, at) : at, i64);
  const Scalar zero = Scalar::i64(0), last = Scalar::size(s.size(axis) - 1);
  if (s.pads_with("zeros")) result.inside = at >= s.number(0) && at <= cast(last, s.type);
  result.index = max(zero, min(index, last));
  return result;
}

// The taps of all axes at once: the loop of axis i is index(first_loop + i).
struct Sample {
  Scalars indices;
  Scalar inside;
  Scalar weight;
};

Sample sample_of(const Sampling& s, int first_loop) {
  Sample sample{{}, Scalar::boolean(true), s.number(1)};
  for (int axis = 0; axis < s.spatial(); ++axis) {
    const Tap tap = tap_of(s, axis, Scalar::index(first_loop + axis));
    sample.indices.push_back(tap.index);
    if (tap.inside) sample.inside = sample.inside && tap.inside;
    sample.weight = sample.weight * tap.weight;
  }
  return sample;
}

// The grid's numbers for the result at [batch, places...] instead of their stand-ins. The last axis
// of the grid begins with the innermost axis.
Scalar with_coordinates(const Sampling& s, const Scalar& expression, const Scalars& places) {
  return rewrite_leaves(expression, [&](const Scalar& leaf) {
    if (leaf.op() != ScalarOp::param || leaf->integer < kCoordinate) return Scalar();
    const int64_t axis = leaf->integer - kCoordinate;
    Scalars at = places;
    at.push_back(Scalar::i64(s.spatial() - 1 - axis));
    return cast(s.c.load(s.grid, at), s.type);
  });
}

Dims tap_loops(const Sampling& s) { return Dims(static_cast<size_t>(s.spatial()), Dim(s.taps())); }

// ---- GridSample

void legacy_modes(OnnxNode& n) {
  const auto mode = n.attributes.find("mode");
  if (mode == n.attributes.end()) return;
  auto& name = std::get<std::string>(mode->second);
  if (name == "bilinear") name = "linear";
  if (name == "bicubic") name = "cubic";
}

void check_sampling(const OpContext& c, size_t image, size_t grid) {
  const Sampling s = sampling_of(c, image, grid);
  c.require(c.rank(image) >= 3 && c.rank(grid) == c.rank(image), "the image is ", c.type(image),
            " and the grid ", c.type(grid), ", need equally many axes, at least 3");
  require_equal(c, c.dims(image)[0], "the batch of the image", c.dims(grid)[0], "that of the grid");
  require_equal(c, c.dims(grid).back(), "the last axis of the grid", s.spatial(),
                "the number of spatial axes");
  c.require(s.is("nearest") || s.is("linear") || s.is("cubic"), "mode is ", quoted(c.text("mode")),
            ", need nearest, linear or cubic");
  c.require(s.pads_with("zeros") || s.pads_with("border") || s.pads_with("reflection"),
            "padding_mode is ", quoted(c.text("padding_mode")),
            ", need zeros, border or reflection");
}

OpDef& sampling_attributes(OpDef& op) {
  return op.attribute("align_corners", int64_t{0})
      .attribute("mode", std::string("linear"))
      .attribute("padding_mode", std::string("zeros"));
}

Computation grid_sample(const OpContext& c, int) {
  const Sampling s = sampling_of(c, 0, 1);
  const Sample sample = sample_of(s, c.rank());
  Scalars at{Scalar::index(0), Scalar::index(1)}, places{Scalar::index(0)};
  at.insert(at.end(), sample.indices.begin(), sample.indices.end());
  for (int a = 2; a < c.rank(); ++a) places.push_back(Scalar::index(a));
  const Scalar pixel = cast(c.load(0, at), s.type);
  const Scalar term = select(sample.inside, pixel * sample.weight, s.number(0));
  return sum_of(c, tap_loops(s), with_coordinates(s, term, places));
}

[[maybe_unused]] OpDef& op_GridSample =
    sampling_attributes(register_op("GridSample"))
        .doc(
            "The image at the positions that the grid gives, which run from -1 to 1 along every "
            "axis: the nearest pixel, or linear or cubic interpolation; beyond the border zeros, "
            "the border's pixels, or the image reflected.")
        .onnx({16, 20, 22})
        .onnx_upgrade(19, legacy_modes)
        .input("X", kFloatTypes, "T1")
        .input("grid", kFloatTypes, "T2")
        .output("Y")
        .infer([](const OpContext& c) -> std::vector<Type> {
          check_sampling(c, 0, 1);
          Type result{c.dtype(), {c.dims()[0], c.dims()[1]}};
          result.dims.insert(result.dims.end(), c.dims(1).begin() + 1, c.dims(1).end() - 1);
          return {result};
        })
        .compute(grid_sample)
        .gradient([](GradientBuilder& g) {
          const Attributes attributes = g.node().attributes();
          if (g.wants(0))
            g.wrt(0, sampled_image_gradient(g, g.input(0), *g.graph().add("GridSampleTaps", {g.input(0), g.input(1)},
                                                                       attributes, 2)));
          if (g.wants(1) && g.node().string_attribute("mode") != "nearest")
            g.wrt(1, g.make("GridSampleGridGradient", {g.out_grad(), g.input(0), g.input(1)},
                            attributes));
        })
        .example({random(f32, {1, 2, 3, 4}), random(f32, {1, 2, 3, 2}, -1.3, 1.3)})
        .example({random(f64, {2, 1, 3, 3}), random(f64, {2, 2, 2, 2}, -1.6, 1.6)},
                 {{"padding_mode", std::string("border")}, {"align_corners", int64_t{1}}})
        .example({random(f64, {1, 2, 4, 3}), random(f64, {1, 2, 2, 2}, -2, 2)},
                 {{"padding_mode", std::string("reflection")}, {"mode", std::string("cubic")}})
        .example({random(f32, {1, 1, 3, 3}), random(f32, {1, 3, 2, 2}, -1.3, 1.3)},
                 {{"mode", std::string("nearest")}})
        .example({random(f64, {1, 1, 2, 3, 2}), random(f64, {1, 2, 1, 2, 3}, -1.2, 1.2)});

// ---- gradients

// Output 0: the position of each tap in the image, or -1; output 1: its weight. Both are [N, places..., taps...].
Computation taps(const OpContext& c, int output) {
  const Sampling s = sampling_of(c, 0, 1);
  const int n = s.spatial();
  const Sample sample = sample_of(s, 1 + n);
  Scalar position = Scalar::i64(0);
  for (int a = 0; a < n; ++a) position = position * Scalar::size(s.size(a)) + sample.indices[static_cast<size_t>(a)];
  Computation result;
  result.dtype = output == 0 ? i64 : s.type;
  result.space = Dims(c.dims(1).begin(), c.dims(1).end() - 1);
  const Dims loops = tap_loops(s);
  result.space.insert(result.space.end(), loops.begin(), loops.end());
  const Scalar value = output == 0 ? select(sample.inside, position, Scalar::i64(-1)) : sample.weight;
  result.value = with_coordinates(s, value, OpContext::indices(1 + n));
  return result;
}

[[maybe_unused]] OpDef& op_GridSampleTaps =
    sampling_attributes(register_op("GridSampleTaps"))
        .doc(
            "What GridSample reads for each place of the grid: the positions of the pixels in row-major order, -1 for those "
            "beyond the border, and their weights. Of X only the shape and the type count.")
        .input("X", kFloatTypes, "T1")
        .input("grid", kFloatTypes, "T2")
        .output("positions")
        .output("weights")
        .infer([](const OpContext& c) -> std::vector<Type> {
          check_sampling(c, 0, 1);
          const Sampling s = sampling_of(c, 0, 1);
          Dims dims(c.dims(1).begin(), c.dims(1).end() - 1);
          const Dims loops = tap_loops(s);
          dims.insert(dims.end(), loops.begin(), loops.end());
          return {{i64, dims}, {s.type, dims}};
        })
        .compute(taps)
        .example({random(f32, {1, 2, 3, 4}), random(f32, {1, 2, 2, 2}, -1.3, 1.3)}, {}, 2)
        .example({random(f64, {1, 1, 4, 3}), random(f64, {1, 2, 3, 2}, -1.3, 1.3)},
                 {{"mode", std::string("cubic")}, {"padding_mode", std::string("reflection")}}, 2);

// d y / d coordinate: pixels times the slope of their weights, over channels and taps.
Computation grid_gradient(const OpContext& c, int) {
  const Sampling s = sampling_of(c, 1, 2);
  const int rank = c.rank(2), n = s.spatial();
  const Scalar channel = Scalar::index(rank);
  const Sample sample = sample_of(s, rank + 1);
  Scalars places, dy_at{Scalar::index(0), channel}, pixel_at{Scalar::index(0), channel};
  for (int a = 0; a + 1 < rank; ++a) places.push_back(Scalar::index(a));
  for (int a = 1; a + 1 < rank; ++a) dy_at.push_back(Scalar::index(a));
  pixel_at.insert(pixel_at.end(), sample.indices.begin(), sample.indices.end());
  Scalar slope = s.number(0);
  for (int axis = 0; axis < n; ++axis) {
    const Scalar here = Scalar::index(rank - 1) == Scalar::i64(n - 1 - axis);
    slope = select(here, differentiate(sample.weight, kCoordinate + axis), slope);
  }
  const Scalar pixel = cast(c.load(1, pixel_at), s.type), dy = cast(c.load(0, dy_at), s.type);
  const Scalar term = select(sample.inside, pixel * slope * dy, s.number(0));
  Dims loops{c.dims(1)[1]};
  const Dims taps = tap_loops(s);
  loops.insert(loops.end(), taps.begin(), taps.end());
  return sum_of(c, loops, with_coordinates(s, term, places));
}

[[maybe_unused]] OpDef& op_GridSampleGridGradient =
    sampling_attributes(register_op("GridSampleGridGradient"))
        .doc("The gradient of GridSample with respect to grid.")
        .input("dY", kFloatTypes, "T1")
        .input("X", kFloatTypes, "T1")
        .input("grid", kFloatTypes, "T2")
        .infer([](const OpContext& c) -> std::vector<Type> {
          check_sampling(c, 1, 2);
          return {c.type(2)};
        })
        .compute(grid_gradient)
        .example({random(f32, {1, 2, 2, 2}), random(f32, {1, 2, 3, 4}), random(f32, {1, 2, 2, 2}, -1.3, 1.3)})
        .example({random(f64, {1, 1, 2, 3}), random(f64, {1, 1, 4, 3}), random(f64, {1, 2, 3, 2}, -1.3, 1.3)},
                 {{"mode", std::string("cubic")}, {"padding_mode", std::string("border")}});

}  // namespace
}  // namespace cnnc

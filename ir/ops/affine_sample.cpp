// Images turned, moved and scaled, and the gradients.
#include "ir/ops/contraction.h"
#include "ir/ops/sampling.h"

namespace cnnc {
namespace {
using enum DType;

// One axis of the image that is read.
struct Axis {
  Scalar last;  // the greatest coordinate
  Axis(const Dim& size, DType type) : last(cast(Scalar::size(size), type) - 1) {}
  Scalar clamped(const Scalar& x) const { return min(max(x, x.like(0)), last); }
  Scalar holds(const Scalar& x) const { return x >= x.like(0) && x <= last; }
};

// d c b a | a b c d | d c b a
Scalar reflected(const Scalar& x, const Axis& axis) {
  const Scalar period = 2 * (axis.last + 1);
  const Scalar rest = x - period * floor(x / period);
  return axis.clamped(select(rest > axis.last + 1, period - 1 - rest, rest));
}

// a b c d | a b c d | a b c d, with half a step between d and a given to their neighbours.
Scalar wrapped(const Scalar& x, const Axis& axis) {
  const Scalar size = axis.last + 1, span = max(axis.last, x.like(1));
  const Scalar from_below = x + size * (trunc(-x / span) + 1);
  const Scalar from_above = x - size * trunc(x / span);
  return axis.clamped(select(x < x.like(0), from_below, select(x > axis.last, from_above, x)));
}

// Where a coordinate outside of the image reads.
Scalar mapped(const Scalar& x, const Axis& axis, const std::string& fill_mode) {
  if (fill_mode == "reflect") return reflected(x, axis);
  if (fill_mode == "wrap") return wrapped(x, axis);
  return fill_mode == "nearest" ? axis.clamped(x) : x;
}

// Stand for the point that is read while it is differentiated by.
constexpr int kX = 900, kY = 901;

// The pixel at [batch, channel, y, x] of the result.
struct Place {
  Scalar batch, channel, y, x;
};

// How one node samples: which operands are the images and the matrices.
struct Sampler {
  const OpContext& c;
  size_t images, matrices;

  DType type() const { return c.dtype(matrices); }
  Axis axis(size_t i) const { return {c.dims(images)[i], type()}; }
  Axis rows() const { return axis(2); }
  Axis columns() const { return axis(3); }
  bool is_bilinear() const { return c.text("interpolation") == "bilinear"; }
  bool has_fill() const { return c.text("fill_mode") == "constant"; }
  Scalar inside(const Scalar& y, const Scalar& x) const { return rows().holds(y) && columns().holds(x); }
  Scalar row_of(const Scalar& y) const { return cast(rows().clamped(y), i64); }
  Scalar column_of(const Scalar& x) const { return cast(columns().clamped(x), i64); }

  Scalar pixel(const Place& at, const Scalar& y, const Scalar& x) const {
    const Scalar value = c.load(images, {at.batch, at.channel, row_of(y), column_of(x)});
    return has_fill() ? select(inside(y, x), value, value.like(c.number("fill_value"))) : value;
  }

  Scalar bilinear(const Place& at, const Scalar& y, const Scalar& x) const {
    const Scalar top = floor(y), left = floor(x), down = y - top, right = x - left;
    const auto row = [&](const Scalar& v) {
      return pixel(at, v, left) * (1 - right) + pixel(at, v, left + 1) * right;
    };
    return row(top) * (1 - down) + row(top + 1) * down;
  }

  // The point that a row of the matrix gives.
  Scalar coordinate(const Place& at, int64_t row) const {
    const auto factor = [&](int64_t i) { return c.load(matrices, {at.batch, Scalar::i64(row), Scalar::i64(i)}); };
    return factor(0) * cast(at.x, type()) + factor(1) * cast(at.y, type()) + factor(2);
  }
  Scalar from_x(const Scalar& x) const { return mapped(x, columns(), c.text("fill_mode")); }
  Scalar from_y(const Scalar& y) const { return mapped(y, rows(), c.text("fill_mode")); }
};

Scalar sample(const OpContext& c, const Scalars& at) {
  const Sampler s{c, 0, 1};
  const Place place{at[0], at[1], at[2], at[3]};
  const Scalar y = s.from_y(s.coordinate(place, 1)), x = s.from_x(s.coordinate(place, 0));
  if (s.is_bilinear()) return s.bilinear(place, y, x);
  return s.pixel(place, floor(y + 0.5), floor(x + 0.5));
}

// Throws unless images and matrices fit.
void check_sampling(const OpContext& c, size_t images, size_t matrices) {
  const std::string &mode = c.text("fill_mode"), &interpolation = c.text("interpolation");
  c.require(mode == "constant" || mode == "nearest" || mode == "reflect" || mode == "wrap",
            "fill_mode is ", quoted(mode), ", need constant, nearest, reflect or wrap");
  c.require(interpolation == "bilinear" || interpolation == "nearest", "interpolation is ",
            quoted(interpolation), ", need bilinear or nearest");
  c.require(c.rank(images) == 4, "the images are ", c.type(images), ", need [batch, channels, height, width]");
  const Type need{c.dtype(images), {c.dims(images)[0], 2, 3}};
  c.require(c.type(matrices) == need, "the matrices are ", c.type(matrices), ", need ", need);
}

OpDef& sampling_attributes(OpDef& op) {
  return op.attribute("interpolation", std::string("bilinear"))
      .attribute("fill_mode", std::string("reflect"))
      .attribute("fill_value", 0.0);
}

const DTypes kTypes{f32, f64};

[[maybe_unused]] OpDef& op_AffineSample =
    sampling_attributes(register_op("AffineSample"))
        .doc(
            "Pixel (y, x) of each result image is the image at the point matrix (x, y, 1), given as "
            "(x, y): interpolated, and beyond the border as fill_mode says: constant (fill_value), "
            "nearest, reflect or wrap.")
        .input("images", kTypes)
        .input("matrices", kTypes)
        .infer([](const OpContext& c) -> std::vector<Type> {
          check_sampling(c, 0, 1);
          return {c.type()};
        })
        .indexed(sample)
        .gradient([](GradientBuilder& g) {
          const Attributes attributes = g.node().attributes();
          if (g.wants(0))
            g.wrt(0, sampled_image_gradient(g, g.input(0), *g.graph().add("AffineSampleTaps", {g.input(0), g.input(1)},
                                                                       attributes, 2)));
          if (g.wants(1) && g.node().string_attribute("interpolation") == "bilinear")
            g.wrt(1, g.make("AffineSampleMatrixGradient", {g.out_grad(), g.input(0), g.input(1)}, attributes));
        })
        .example({random(f32, {2, 3, 5, 4}), random(f32, {2, 2, 3}, -2, 2)})
        .example({random(f32, {2, 1, 4, 4}), random(f32, {2, 2, 3}, -3, 3)},
                 {{"fill_mode", std::string("constant")}, {"fill_value", 0.5}})
        .example({random(f32, {1, 2, 3, 5}), random(f32, {1, 2, 3}, -3, 3)}, {{"fill_mode", std::string("wrap")}})
        .example({random(f64, {1, 2, 3, 5}), random(f64, {1, 2, 3}, -3, 3)},
                 {{"fill_mode", std::string("nearest")}, {"interpolation", std::string("nearest")}})
        .example({random(f64, {2, 2, 3, 4}), random(f64, {2, 2, 3}, -1, 1)}, {{"fill_mode", std::string("nearest")}});

// ---- gradients

Dims taps_dims(const Sampler& s) {
  const Dims& image = s.c.dims(s.images);
  return {image[0], image[2], image[3], s.is_bilinear() ? 4 : 1};
}

// Taps are, in order: top left, top right, bottom left, bottom right.
Computation taps(const OpContext& c, int output) {
  const Sampler s{c, 0, 1};
  const Place at{Scalar::index(0), {}, Scalar::index(1), Scalar::index(2)};
  const Scalar tap = Scalar::index(3);
  const Scalar y = s.from_y(s.coordinate(at, 1)), x = s.from_x(s.coordinate(at, 0));
  const Scalar is_low = tap >= Scalar::i64(2), is_right = tap == Scalar::i64(1) || tap == Scalar::i64(3);
  Scalar row = floor(y + 0.5), column = floor(x + 0.5), weight = y.like(1);
  if (s.is_bilinear()) {
    const Scalar top = floor(y), left = floor(x), down = y - top, right = x - left;
    row = select(is_low, top + 1, top);
    column = select(is_right, left + 1, left);
    weight = select(is_low, down, 1 - down) * select(is_right, right, 1 - right);
  }
  const Scalar position = s.row_of(row) * Scalar::size(c.dims()[3]) + s.column_of(column);
  Computation result;
  result.dtype = output == 0 ? i64 : s.type();
  result.space = taps_dims(s);
  if (output == 1) result.value = weight;
  else result.value = s.has_fill() ? select(s.inside(row, column), position, Scalar::i64(-1)) : position;
  return result;
}

[[maybe_unused]] OpDef& op_AffineSampleTaps =
    sampling_attributes(register_op("AffineSampleTaps"))
        .doc(
            "What AffineSample reads for each pixel of the result: the positions of the image's pixels in row-major order, -1 "
            "for those that fill_value stands for, and their weights. Of the images only shape and type count.")
        .input("images", kTypes)
        .input("matrices", kTypes)
        .output("positions")
        .output("weights")
        .infer([](const OpContext& c) -> std::vector<Type> {
          check_sampling(c, 0, 1);
          const Dims dims = taps_dims({c, 0, 1});
          return {{i64, dims}, {c.dtype(), dims}};
        })
        .compute(taps)
        .example({random(f32, {2, 1, 3, 4}), random(f32, {2, 2, 3}, -2, 2)}, {}, 2)
        .example({random(f64, {1, 1, 3, 4}), random(f64, {1, 2, 3}, -2, 2)},
                 {{"fill_mode", std::string("constant")}, {"interpolation", std::string("nearest")}}, 2);

// Of element [row, column] of the matrix: over channels and pixels, the slope by the row's coordinate times what the matrix
// multiplies there.
Computation matrix_gradient(const OpContext& c, int) {
  const Sampler s{c, 1, 2};
  const Place at{Scalar::index(0), Scalar::index(3), Scalar::index(4), Scalar::index(5)};
  const Scalar y = s.from_y(Scalar::param(kY, s.type())), x = s.from_x(Scalar::param(kX, s.type()));
  const Scalar value = s.bilinear(at, y, x);
  const Scalar slope = select(Scalar::index(1) == Scalar::i64(0), differentiate(value, kX), differentiate(value, kY));
  const Scalar at_point = rewrite_leaves(slope, [&](const Scalar& leaf) {
    if (leaf.op() != ScalarOp::param || (leaf->integer != kX && leaf->integer != kY)) return Scalar();
    return s.coordinate(at, leaf->integer == kX ? 0 : 1);
  });
  const Scalar column = Scalar::index(2);
  const Scalar factor = select(column == Scalar::i64(0), cast(at.x, s.type()),
                               select(column == Scalar::i64(1), cast(at.y, s.type()), Scalar::constant(s.type(), 1)));
  const Scalar dy = c.load(0, {at.batch, at.channel, at.y, at.x});
  return sum_of(c, Dims(c.dims(1).begin() + 1, c.dims(1).end()), dy * at_point * factor);
}

[[maybe_unused]] OpDef& op_AffineSampleMatrixGradient =
    sampling_attributes(register_op("AffineSampleMatrixGradient"))
        .doc("The gradient of AffineSample with respect to the matrices, with bilinear interpolation.")
        .input("dY", kTypes)
        .input("images", kTypes)
        .input("matrices", kTypes)
        .infer([](const OpContext& c) -> std::vector<Type> {
          check_sampling(c, 1, 2);
          c.require(c.type(0) == c.type(1), "dY is ", c.type(0), " and the images ", c.type(1), ", need the same");
          return {c.type(2)};
        })
        .compute(matrix_gradient)
        .example({random(f32, {2, 2, 3, 4}), random(f32, {2, 2, 3, 4}), random(f32, {2, 2, 3}, -1, 1)})
        .example({random(f64, {1, 1, 3, 4}), random(f64, {1, 1, 3, 4}), random(f64, {1, 2, 3}, -1, 1)},
                 {{"fill_mode", std::string("wrap")}});

}  // namespace
}  // namespace cnnc

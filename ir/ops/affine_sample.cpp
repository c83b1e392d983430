// Images turned, moved and scaled.
#include "ir/op_def.h"

namespace cnnc {
namespace {
using enum DType;

// One axis of the image that is read.
struct Axis {
  Scalar last;  // f32: the greatest coordinate
  explicit Axis(const Dim& size) : last(cast(Scalar::size(size), f32) - 1) {}
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

struct Sampler {
  const OpContext& c;
  const Scalars& at;
  Axis rows, columns;

  Scalar pixel(const Scalar& y, const Scalar& x) const {
    const Scalar value =
        c.load(0, {at[0], at[1], cast(rows.clamped(y), i64), cast(columns.clamped(x), i64)});
    if (c.text("fill_mode") != "constant") return value;
    return select(rows.holds(y) && columns.holds(x), value, value.like(c.number("fill_value")));
  }

  Scalar bilinear(const Scalar& y, const Scalar& x) const {
    const Scalar top = floor(y), left = floor(x), down = y - top, right = x - left;
    const auto row = [&](const Scalar& v) {
      return pixel(v, left) * (1 - right) + pixel(v, left + 1) * right;
    };
    return row(top) * (1 - down) + row(top + 1) * down;
  }
};

Scalar sample(const OpContext& c, const Scalars& at) {
  const Sampler sampler{c, at, Axis(c.dims()[2]), Axis(c.dims()[3])};
  const Scalar y = cast(at[2], f32), x = cast(at[3], f32);
  const auto coordinate = [&](int64_t row) {
    const auto factor = [&](int64_t i) { return c.load(1, {at[0], Scalar::i64(row), Scalar::i64(i)}); };
    return factor(0) * x + factor(1) * y + factor(2);
  };
  const std::string& mode = c.text("fill_mode");
  const Scalar from_x = mapped(coordinate(0), sampler.columns, mode);
  const Scalar from_y = mapped(coordinate(1), sampler.rows, mode);
  if (c.text("interpolation") == "bilinear") return sampler.bilinear(from_y, from_x);
  return sampler.pixel(floor(from_y + 0.5), floor(from_x + 0.5));
}

std::vector<Type> sampled_type(const OpContext& c) {
  const std::string &mode = c.text("fill_mode"), &interpolation = c.text("interpolation");
  c.require(mode == "constant" || mode == "nearest" || mode == "reflect" || mode == "wrap",
            "fill_mode is ", quoted(mode), ", need constant, nearest, reflect or wrap");
  c.require(interpolation == "bilinear" || interpolation == "nearest", "interpolation is ",
            quoted(interpolation), ", need bilinear or nearest");
  c.require(c.rank() == 4, "the images are ", c.type(), ", need [batch, channels, height, width]");
  const Type matrices{f32, {c.dims()[0], 2, 3}};
  c.require(c.type(1) == matrices, "the matrices are ", c.type(1), ", need ", matrices);
  return {c.type()};
}

CNNC_OP(AffineSample)
    .doc(
        "Pixel (y, x) of each result image is the image at the point matrix (x, y, 1), given as "
        "(x, y): interpolated, and beyond the border as fill_mode says: constant (fill_value), "
        "nearest, reflect or wrap.")
    .input("images", {f32})
    .input("matrices", {f32}, "")
    .attribute("interpolation", std::string("bilinear"))
    .attribute("fill_mode", std::string("reflect"))
    .attribute("fill_value", 0.0)
    .infer(sampled_type)
    .indexed(sample)
    .example({random(f32, {2, 3, 5, 4}), random(f32, {2, 2, 3}, -2, 2)})
    .example({random(f32, {2, 1, 4, 4}), random(f32, {2, 2, 3}, -3, 3)},
             {{"fill_mode", std::string("constant")}, {"fill_value", 0.5}})
    .example({random(f32, {1, 2, 3, 5}), random(f32, {1, 2, 3}, -3, 3)},
             {{"fill_mode", std::string("wrap")}})
    .example({random(f32, {1, 2, 3, 5}), random(f32, {1, 2, 3}, -3, 3)},
             {{"fill_mode", std::string("nearest")}, {"interpolation", std::string("nearest")}});

}  // namespace
}  // namespace cnnc

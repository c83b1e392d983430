#include "ir/ops/resize_axes.h"

#include <algorithm>
#include <cmath>

namespace cnnc {

// ---- sizes

Scalar f64(double value) { return Scalar::constant(DType::f64, value); }
Scalar f64(const Dim& dim) { return cast(Scalar::size(dim), DType::f64); }
Scalar f64(const Scalar& integer) { return cast(integer, DType::f64); }

Dim scaled_size(const OpContext& c, const Dim& dim, double scale) {
  if (dim.is_const())
    return static_cast<int64_t>(std::floor(static_cast<double>(dim.value()) * scale));
  for (int64_t q = 1; q <= 64; ++q) {
    const double p = scale * static_cast<double>(q);
    if (p == std::floor(p)) return Dim::floor_div(dim * static_cast<int64_t>(p), q);
  }
  c.fail("the size ", dim, " times ", scale,
         " is not an expression over sizes; bind its symbols with --dim or --shape");
}

static std::vector<int> resized_axes(const OpContext& c) {
  const Ints axes = c.integers("axes");
  if (!axes.empty()) return c.axes(axes, c.rank());
  std::vector<int> all;
  for (int i = 0; i < c.rank(); ++i) all.push_back(i);
  return all;
}

static void scale_axes(const OpContext& c, std::vector<ResizedAxis>& axes) {
  const Floats scales = std::get<Floats>(*c.node().attribute("scales"));
  c.require(scales.size() == axes.size(), "scales has ", scales.size(), " numbers, need ",
            axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    c.require(scales[i] > 1e-9 && scales[i] < 1e9, "scales holds ", scales[i],
              ", need positive numbers");
    axes[i].output = scaled_size(c, axes[i].input, scales[i]);
    axes[i].scale = f64(scales[i]);
  }
}

// With keep_aspect_ratio_policy all axes have the same scale: the smallest or the greatest that the
// sizes ask for.
static void keep_aspect_ratio(const OpContext& c, std::vector<ResizedAxis>& axes, bool not_larger) {
  double common = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    c.require(axes[i].input.is_const() && axes[i].output.is_const() && !(axes[i].input == 0),
              "keep_aspect_ratio_policy needs sizes that are numbers; bind symbols with --dim or "
              "--shape");
    const double scale =
        static_cast<double>(axes[i].output.value()) / static_cast<double>(axes[i].input.value());
    common = i == 0 ? scale : not_larger ? std::min(common, scale) : std::max(common, scale);
  }
  for (ResizedAxis& axis : axes) {
    axis.output =
        static_cast<int64_t>(std::floor(common * static_cast<double>(axis.input.value()) + 0.5));
    axis.scale = f64(common);
  }
}

static void size_axes(const OpContext& c, std::vector<ResizedAxis>& axes) {
  const Dims sizes = c.need_content(1);
  c.require(sizes.size() == axes.size(), "sizes has ", sizes.size(), " numbers, need ",
            axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i].output = sizes[i];
    axes[i].scale = f64(axes[i].output) / f64(axes[i].input);
  }
  const std::string& policy = c.text("keep_aspect_ratio_policy");
  c.require(policy == "stretch" || policy == "not_larger" || policy == "not_smaller",
            "keep_aspect_ratio_policy is ", quoted(policy),
            ", need stretch, not_larger or not_smaller");
  if (policy != "stretch") keep_aspect_ratio(c, axes, policy == "not_larger");
}

std::vector<ResizedAxis> resize_axes(const OpContext& c) {
  std::vector<ResizedAxis> axes;
  for (int axis : resized_axes(c)) {
    axes.emplace_back();
    axes.back().axis = axis;
    axes.back().input = c.dims()[static_cast<size_t>(axis)];
  }
  const bool scaled = c.has_attribute("scales");
  c.require(scaled != c.has(1), scaled ? "has both scales and sizes, need one of them"
                                       : "has neither scales nor sizes");
  if (scaled)
    scale_axes(c, axes);
  else
    size_axes(c, axes);
  if (c.text("coordinate_transformation_mode") != "tf_crop_and_resize") return axes;
  c.require(c.has_attribute("roi"), "tf_crop_and_resize needs a roi");
  const Floats roi = std::get<Floats>(*c.node().attribute("roi"));
  c.require(roi.size() == 2 * axes.size(), "roi has ", roi.size(), " numbers, need ",
            2 * axes.size());
  for (size_t i = 0; i < axes.size(); ++i)
    axes[i].start = roi[i], axes[i].end = roi[axes.size() + i];
  return axes;
}

// ---- coordinates

Scalar original_position(const OpContext& c, const ResizedAxis& a, const Scalar& x) {
  const std::string& mode = c.text("coordinate_transformation_mode");
  const Scalar at = f64(x), length = f64(a.input), width = a.scale * length;
  const Scalar half_pixel = (at + 0.5) / a.scale - 0.5;
  const Scalar one = f64(1.0);
  if (mode == "half_pixel") return half_pixel;
  if (mode == "pytorch_half_pixel")
    return select(Scalar::size(a.output) > Scalar::i64(1), half_pixel, f64(0.0));
  if (mode == "asymmetric") return at / a.scale;
  if (mode == "half_pixel_symmetric")
    return length / 2.0 * (1.0 - f64(a.output) / width) + half_pixel;
  if (mode == "align_corners")
    return select(width == one, f64(0.0), at * (length - 1.0) / (width - 1.0));
  if (mode != "tf_crop_and_resize")
    c.fail("coordinate_transformation_mode ", quoted(mode), " is not one of ONNX's");
  const Scalar inner = select(width == one, (a.end - a.start) * (length - 1.0) / 2.0,
                              at * (a.end - a.start) * (length - 1.0) / (width - 1.0));
  return inner + a.start * (length - 1.0);
}

Scalar nearest_position(const OpContext& c, const Scalar& x) {
  const std::string& mode = c.text("nearest_mode");
  if (mode == "round_prefer_floor") return ceil(x - 0.5);
  if (mode == "round_prefer_ceil") return floor(x + 0.5);
  if (mode == "floor") return floor(x);
  if (mode == "ceil") return ceil(x);
  c.fail("nearest_mode ", quoted(mode), " is not one of ONNX's");
}

Scalar clamped(const Scalar& index, const Dim& size) {
  return max(Scalar::i64(0), min(index, Scalar::size(size - 1)));
}

// ---- interpolation

// Weight of a sample at distance d >= 0.
static Scalar filter(const OpContext& c, const Scalar& d) {
  if (c.text("mode") == "linear") return max(1.0 - d, f64(0.0));
  const double a = c.number("cubic_coeff_a");
  const Scalar near = ((a + 2) * d - (a + 3)) * d * d + 1.0;
  const Scalar far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return select(d <= f64(1.0), near, select(d < f64(2.0), far, f64(0.0)));
}

Taps taps_of(const OpContext& c, const ResizedAxis& a, const Scalar& x, const Scalar& tap) {
  const int64_t reach = c.text("mode") == "linear" ? 1 : 2;
  Scalar stretch = f64(1.0);
  Dim half = reach;
  if (c.integer("antialias")) {
    // Downscaling widens the filter to the distance of output samples.
    if (a.scale.is_constant()) {
      const double scale = std::min(a.scale->number, 1.0);
      stretch = f64(scale);
      half = static_cast<int64_t>(std::ceil(static_cast<double>(reach) / scale));
    } else {
      stretch = min(a.scale, stretch);
      half = Dim::max(reach, Dim::ceil_div(a.input * reach, Dim::max(a.output, 1)));
    }
  }
  const Scalar sample = cast(floor(x), DType::i64) + tap - Scalar::size(half - 1);
  Scalar weight = filter(c, abs(f64(sample) - x) * stretch);
  if (c.integer("exclude_outside")) {
    const Scalar inside = sample >= Scalar::i64(0) && sample < Scalar::size(a.input);
    weight = select(inside, weight, f64(0.0));
  }
  return {half * 2, clamped(sample, a.input), weight};
}

bool is_unchanged(const OpContext& c, const ResizedAxis& a) {
  const bool whole = a.scale.is_constant() ? a.scale.is_constant(1) : a.input == a.output;
  return whole && a.input == a.output &&
         c.text("coordinate_transformation_mode") != "tf_crop_and_resize";
}

bool needs_normalization(const OpContext& c) {
  return c.integer("antialias") || c.integer("exclude_outside");
}

}  // namespace cnnc

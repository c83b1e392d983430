// Resize and Upsample.
//
// ONNX's inputs roi and scales are attributes here, for types depend on their content; the operands
// are X and sizes.
#include <algorithm>
#include <cmath>

#include "ir/ops/contraction.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {

// ---- sizes
// -----------------------------------------------------------------------------------------------------------

// How one axis is resized.
struct ResizedAxis {
  int axis = 0;
  Dim input, output;
  Scalar scale;               // f64: output elements for each input element
  double start = 0, end = 1;  // the region of interest, as parts of the input
};

Scalar f64(double value) { return Scalar::constant(DType::f64, value); }
Scalar f64(const Dim& dim) { return cast(Scalar::size(dim), DType::f64); }
Scalar f64(const Scalar& integer) { return cast(integer, DType::f64); }

// floor(dim * scale); a symbol can be multiplied by simple fractions only.
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

std::vector<int> resized_axes(const OpContext& c) {
  const Ints axes = c.integers("axes");
  if (!axes.empty()) return c.axes(axes, c.rank());
  std::vector<int> all;
  for (int i = 0; i < c.rank(); ++i) all.push_back(i);
  return all;
}

void scale_axes(const OpContext& c, std::vector<ResizedAxis>& axes) {
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
void keep_aspect_ratio(const OpContext& c, std::vector<ResizedAxis>& axes, bool not_larger) {
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

void size_axes(const OpContext& c, std::vector<ResizedAxis>& axes) {
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
// -----------------------------------------------------------------------------------------------------

// Where output position `x` of an axis lies in the input.
Scalar original(const OpContext& c, const ResizedAxis& a, const Scalar& x) {
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

Scalar nearest(const OpContext& c, const Scalar& x) {
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
// ---------------------------------------------------------------------------------------------------

// Weight of a sample at distance d >= 0.
Scalar filter(const OpContext& c, const Scalar& d) {
  if (c.text("mode") == "linear") return max(1.0 - d, f64(0.0));
  const double a = c.number("cubic_coeff_a");
  const Scalar near = ((a + 2) * d - (a + 3)) * d * d + 1.0;
  const Scalar far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return select(d <= f64(1.0), near, select(d < f64(2.0), far, f64(0.0)));
}

// The samples of one axis: how many, and the index and weight of each.
struct Taps {
  Dim count;
  Scalar index, weight;
};

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

// Whether tf_crop_and_resize looks outside the input; null in the other modes.
Scalar outside_input(const OpContext& c, const std::vector<ResizedAxis>& axes) {
  if (c.text("coordinate_transformation_mode") != "tf_crop_and_resize") return {};
  Scalar outside = Scalar::boolean(false);
  for (const ResizedAxis& a : axes) {
    const Scalar x = original(c, a, Scalar::index(a.axis));
    outside = outside || x < f64(0.0) || x > f64(a.input) - 1.0;
  }
  return outside;
}

Scalar extrapolated(const OpContext& c, const Scalar& outside, const Scalar& value) {
  if (outside.get() == nullptr) return value;
  if (value.dtype() == DType::f16 || value.dtype() == DType::bf16)
    return cast(extrapolated(c, outside, cast(value, DType::f32)), value.dtype());
  return select(outside, value.like(c.number("extrapolation_value")), value);
}

bool is_unchanged(const OpContext& c, const ResizedAxis& a) {
  const bool whole = a.scale.is_constant() ? a.scale.is_constant(1) : a.input == a.output;
  return whole && a.input == a.output &&
         c.text("coordinate_transformation_mode") != "tf_crop_and_resize";
}

Computation nearest_resize(const OpContext& c, const std::vector<ResizedAxis>& axes) {
  Scalars indices = OpContext::indices(c.rank());
  for (const ResizedAxis& a : axes) {
    if (is_unchanged(c, a)) continue;
    const auto axis = static_cast<size_t>(a.axis);
    indices[axis] = clamped(cast(nearest(c, original(c, a, indices[axis])), DType::i64), a.input);
  }
  Computation result;
  result.dtype = c.dtype();
  result.space = c.output_type().dims;
  result.value = extrapolated(c, outside_input(c, axes), c.load(0, indices));
  return result;
}

// A sum of samples times weights, over the sum of weights where these do not add up to 1.
Computation weighted_resize(const OpContext& c, const std::vector<ResizedAxis>& axes) {
  Scalars indices = OpContext::indices(c.rank());
  Dims reduce;
  Scalar weight = f64(1.0);
  for (const ResizedAxis& a : axes) {
    if (is_unchanged(c, a)) continue;
    const auto axis = static_cast<size_t>(a.axis);
    const Scalar tap = Scalar::index(c.rank() + static_cast<int>(reduce.size()));
    const Taps taps = taps_of(c, a, original(c, a, indices[axis]), tap);
    reduce.push_back(taps.count);
    indices[axis] = taps.index;
    weight = weight * taps.weight;
  }
  const DType dtype = c.dtype() == DType::f64 ? DType::f64 : DType::f32;
  weight = cast(weight, dtype);
  Computation result = sum_of(c, std::move(reduce), cast(c.load(0, indices), dtype) * weight);
  Scalar sum = Scalar::param(0, dtype);
  if (c.integer("antialias") || c.integer("exclude_outside")) {
    result.elements.push_back(weight);
    result.init.push_back(Scalar::constant(dtype, 0));
    result.combine = {Scalar::param(0, dtype) + Scalar::param(2, dtype),
                      Scalar::param(1, dtype) + Scalar::param(3, dtype)};
    sum = sum / Scalar::param(1, dtype);
  }
  result.value = cast(extrapolated(c, outside_input(c, axes), sum), c.dtype());
  return result;
}

bool changes_nothing(const OpContext& c, const std::vector<ResizedAxis>& axes) {
  return std::all_of(axes.begin(), axes.end(),
                     [&](const ResizedAxis& a) { return is_unchanged(c, a); });
}

Computation resize(const OpContext& c, int) {
  const std::vector<ResizedAxis> axes = resize_axes(c);
  return c.text("mode") == "nearest" || changes_nothing(c, axes) ? nearest_resize(c, axes)
                                                                 : weighted_resize(c, axes);
}

void check_moves_or_computes(const OpContext& c) {
  const bool computes = std::find(kWideTypes.begin(), kWideTypes.end(), c.dtype()) != kWideTypes.end();
  c.require(computes || c.text("mode") == "nearest", "mode ", c.text("mode"), " computes, and ",
            name_of(c.dtype()), " is only moved; need mode nearest");
}

std::vector<Type> resize_type(const OpContext& c) {
  const std::string& mode = c.text("mode");
  c.require(mode == "nearest" || mode == "linear" || mode == "cubic", "mode is ", quoted(mode),
            ", need nearest, linear or cubic");
  c.require(mode != "nearest" || !c.integer("antialias"),
            "antialias is for modes linear and cubic");
  check_moves_or_computes(c);
  c.require(c.dtype() != DType::string ||
                c.text("coordinate_transformation_mode") != "tf_crop_and_resize",
            "strings have no extrapolation_value");
  Type type = c.type();
  for (const ResizedAxis& a : resize_axes(c)) {
    original(c, a, Scalar::i64(0));
    const auto high = a.input.upper_bound();
    c.require(!high || *high > 0 || a.output == 0, "an axis without elements cannot be resized to ",
              a.output);
    type.dims[static_cast<size_t>(a.axis)] = a.output;
  }
  nearest(c, f64(0.0));
  return {type};
}

// ---- upgrades
// --------------------------------------------------------------------------------------------------------

// Makes a constant operand an attribute; one without elements is an absent one.
void operand_to_attribute(OnnxNode& n, size_t operand, const std::string& name) {
  Value* value = operand < n.inputs.size() ? n.inputs[operand] : nullptr;
  if (value == nullptr || (value->rank() == 1 && value->dim(0) == 0)) return;
  const Tensor* tensor = value->constant();
  if (tensor == nullptr)
    throw Error(
        cat(n.op, ": ", name,
            " decides the size of the result, and it is known only while the model runs; sizes "
            "that data decides are not supported"));
  if (tensor->size() > 64) throw Error(cat(n.op, ": ", name, " has ", tensor->size(), " elements"));
  Floats numbers;
  for (int64_t i = 0; i < tensor->size(); ++i) numbers.push_back(tensor->as_double(i));
  n.attributes[name] = std::move(numbers);
}

bool has_text(const OnnxNode& n, const std::string& name, const char* text) {
  const auto it = n.attributes.find(name);
  const auto* value = it == n.attributes.end() ? nullptr : std::get_if<std::string>(&it->second);
  return value && *value == text;
}

void constants_to_attributes(OnnxNode& n) {
  if (has_text(n, "coordinate_transformation_mode", "tf_crop_and_resize"))
    operand_to_attribute(n, 1, "roi");
  operand_to_attribute(n, 2, "scales");
  Value* sizes = n.inputs.size() > 3 ? n.inputs[3] : nullptr;
  n.inputs.resize(std::min<size_t>(n.inputs.size(), 1));
  if (sizes && !(sizes->rank() == 1 && sizes->dim(0) == 0)) n.inputs.push_back(sizes);
}

const std::string kLinear = "linear", kCubic = "cubic";

CNNC_OP(Resize)
    .doc(
        "Resizes axes by scales or to sizes: nearest element, or linear or cubic interpolation, in "
        "all of ONNX's coordinate "
        "systems. The operand `sizes` is ONNX's fourth input; its inputs roi and scales are "
        "attributes.")
    .onnx({10, 11, 13, 18, 19})
    .onnx_upgrade(10,
                  [](OnnxNode& n) {
                    n.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
                    n.attributes["nearest_mode"] = std::string("floor");
                    if (n.inputs.size() == 2) n.inputs.insert(n.inputs.begin() + 1, nullptr);
                  })
    .onnx_upgrade(kEveryOpset, constants_to_attributes)
    .input("X")
    .optional_input("sizes", {DType::i64}, "")
    .output("Y")
    .attribute("antialias", int64_t{0})
    .attribute("axes", Ints{})
    .attribute("coordinate_transformation_mode", std::string("half_pixel"))
    .attribute("cubic_coeff_a", -0.75)
    .attribute("exclude_outside", int64_t{0})
    .attribute("extrapolation_value", 0.0)
    .attribute("keep_aspect_ratio_policy", std::string("stretch"))
    .attribute("mode", std::string("nearest"))
    .attribute("nearest_mode", std::string("round_prefer_floor"))
    .optional_attribute("roi", Floats{})
    .optional_attribute("scales", Floats{})
    .infer(resize_type)
    .compute(resize)
    .example({random(DType::f32, {1, 2, 4, 5})}, {{"scales", Floats{1, 1, 2, 0.5}}})
    .example({random(DType::string, {4, 5}, 0, 99)}, {{"scales", Floats{2, 0.5}}})
    .example({random(DType::c64, {4, 5})}, {{"scales", Floats{2, 0.5}}})
    .example({random(DType::u8, {1, 2, 4, 5}, 0, 255), given(Tensor::ints({7, 3}))},
             {{"axes", Ints{2, 3}}})
    .example({random(DType::f32, {1, 2, 4, 5}), given(Tensor::ints({1, 2, 8, 3}))},
             {{"mode", kLinear}})
    .example({random(DType::f64, {1, 1, 4, 5})},
             {{"scales", Floats{1, 1, 2, 1.5}}, {"mode", kCubic}})
    .example({random(DType::f16, {1, 1, 4, 8})},
             {{"scales", Floats{1, 1, 0.5, 0.25}}, {"mode", kLinear}, {"antialias", int64_t{1}}})
    .example({random(DType::f32, {1, 1, 4, 4}), given(Tensor::ints({6, 6}))},
             {{"axes", Ints{2, 3}},
              {"mode", kCubic},
              {"exclude_outside", int64_t{1}},
              {"coordinate_transformation_mode", std::string("align_corners")}})
    .example({random(DType::f32, {4, 4}), given(Tensor::ints({3, 3}))},
             {{"mode", kLinear},
              {"roi", Floats{0.4, 0.6, 0.6, 1.2}},
              {"extrapolation_value", 10.0},
              {"coordinate_transformation_mode", std::string("tf_crop_and_resize")}});

CNNC_OP(Upsample)
    .doc(
        "Resize by scales with asymmetric coordinates, the older operator; its input scales is an "
        "attribute.")
    .onnx({1, 7, 9, 10})
    .onnx_upgrade(6,
                  [](OnnxNode& n) {
                    const auto height = n.take("height_scale"), width = n.take("width_scale");
                    const double* h = height ? std::get_if<double>(&*height) : nullptr;
                    const double* w = width ? std::get_if<double>(&*width) : nullptr;
                    if (h && w) n.attributes["scales"] = Floats{1, 1, *h, *w};
                    if (has_text(n, "mode", "bilinear")) n.attributes["mode"] = kLinear;
                  })
    .onnx_upgrade(kEveryOpset,
                  [](OnnxNode& n) {
                    operand_to_attribute(n, 1, "scales");
                    n.inputs.resize(std::min<size_t>(n.inputs.size(), 1));
                  })
    .input("X")
    .output("Y")
    .attribute("mode", std::string("nearest"))
    .required_attribute("scales", Floats{})
    .infer([](const OpContext& c) -> std::vector<Type> {
      const Floats scales = std::get<Floats>(*c.node().attribute("scales"));
      check_moves_or_computes(c);
      c.require(static_cast<int>(scales.size()) == c.rank(), "scales has ", scales.size(),
                " numbers, need ", c.rank());
      Type type = c.type();
      for (size_t i = 0; i < scales.size(); ++i) {
        c.require(scales[i] > 1e-9 && scales[i] < 1e9, "scales holds ", scales[i],
                  ", need positive numbers");
        type.dims[i] = scaled_size(c, type.dims[i], scales[i]);
      }
      return {type};
    })
    .decompose([](const Node& node, Graph& g) -> std::vector<Value*> {
      return {g.make("Resize", {node.input(0)},
                     {{"mode", node.string_attribute("mode")},
                      {"scales", *node.attribute("scales")},
                      {"coordinate_transformation_mode", std::string("asymmetric")},
                      {"nearest_mode", std::string("floor")}})};
    })
    .example({random(DType::f32, {1, 2, 3, 3})}, {{"scales", Floats{1, 1, 2, 3}}})
    .example({random(DType::f32, {1, 2, 3, 3})},
             {{"scales", Floats{1, 1, 1.5, 2}}, {"mode", kLinear}});

}  // namespace
}  // namespace cnnc

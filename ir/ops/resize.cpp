// Resize and Upsample.
//
// ONNX's inputs roi and scales are attributes here, for types depend on their content; the operands
// are X and sizes.
#include <algorithm>

#include "ir/ops/contraction.h"
#include "ir/ops/onnx_history.h"
#include "ir/ops/resize_axes.h"
#include "ir/ops/resize_gradient.h"

namespace cnnc {
namespace {

// Whether tf_crop_and_resize looks outside the input; null in the other modes.
Scalar outside_input(const OpContext& c, const std::vector<ResizedAxis>& axes) {
  if (c.text("coordinate_transformation_mode") != "tf_crop_and_resize") return {};
  Scalar outside = Scalar::boolean(false);
  for (const ResizedAxis& a : axes) {
    const Scalar x = original_position(c, a, Scalar::index(a.axis));
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

Computation nearest_resize(const OpContext& c, const std::vector<ResizedAxis>& axes) {
  Scalars indices = OpContext::indices(c.rank());
  for (const ResizedAxis& a : axes) {
    if (is_unchanged(c, a)) continue;
    const auto axis = static_cast<size_t>(a.axis);
    indices[axis] = clamped(
        cast(nearest_position(c, original_position(c, a, indices[axis])), DType::i64), a.input);
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
    const Taps taps = taps_of(c, a, original_position(c, a, indices[axis]), tap);
    reduce.push_back(taps.count);
    indices[axis] = taps.index;
    weight = weight * taps.weight;
  }
  const DType dtype = c.dtype() == DType::f64 ? DType::f64 : DType::f32;
  weight = cast(weight, dtype);
  Computation result = sum_of(c, std::move(reduce), cast(c.load(0, indices), dtype) * weight);
  Scalar sum = Scalar::param(0, dtype);
  if (needs_normalization(c)) {
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
    original_position(c, a, Scalar::i64(0));
    const auto high = a.input.upper_bound();
    c.require(!high || *high > 0 || a.output == 0, "an axis without elements cannot be resized to ",
              a.output);
    type.dims[static_cast<size_t>(a.axis)] = a.output;
  }
  nearest_position(c, f64(0.0));
  return {type};
}

// ---- upgrades

// Makes a constant operand an attribute; one without elements is an absent one.
void operand_to_attribute(OnnxNode& n, size_t operand, const std::string& name) {
  Value* value = operand < n.inputs.size() ? n.inputs[operand] : nullptr;
  if (value == nullptr || (value->rank() == 1 && value->dim(0) == 0)) return;
  const std::optional<Tensor> tensor = constant_value(*value);
  if (!tensor)
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

[[maybe_unused]] OpDef& op_Resize =
    resize_attributes(register_op("Resize"))
        .doc(
            "Resizes axes by scales or to sizes: nearest element, or linear or cubic "
            "interpolation, in "
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
        .infer(resize_type)
        .compute(resize)
        .gradient(resize_gradient)
        .example({random(DType::f32, {1, 2, 4, 5})}, {{"scales", Floats{1, 1, 2, 0.5}}})
        .example({random(DType::string, {4, 5}, 0, 99)}, {{"scales", Floats{2, 0.5}}})
        .example({random(DType::c64, {4, 5})}, {{"scales", Floats{2, 0.5}}})
        .example({random(DType::u8, {1, 2, 4, 5}, 0, 255), given(Tensor::ints({7, 3}))},
                 {{"axes", Ints{2, 3}}})
        .example({random(DType::f32, {1, 2, 4, 5}), given(Tensor::ints({1, 2, 8, 3}))},
                 {{"mode", kLinear}})
        .example({random(DType::f64, {1, 1, 4, 5})},
                 {{"scales", Floats{1, 1, 2, 1.5}}, {"mode", kCubic}})
        .example(
            {random(DType::f16, {1, 1, 4, 8})},
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

// The gradient of Resize.
//
// Every mode treats the axes one after the other, each as a product with one matrix [output, input]: row o holds the weights
// of the elements that o is made of. The gradient is a product with the transposed matrix, of which nearly all is 0: an
// element goes into a few neighbouring results. Where the sizes are numbers, only these are added up (BandedProduct); where
// they are not, the whole matrix is made when they are known. Elements that are repeated get the sums of windows.
#include "ir/ops/resize_gradient.h"

#include <algorithm>

#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/resize_axes.h"
#include "ir/scalar_eval.h"

namespace cnnc {

OpDef& resize_attributes(OpDef& op) {
  return op.attribute("antialias", int64_t{0})
      .attribute("axes", Ints{})
      .attribute("coordinate_transformation_mode", std::string("half_pixel"))
      .attribute("cubic_coeff_a", -0.75)
      .attribute("exclude_outside", int64_t{0})
      .attribute("extrapolation_value", 0.0)
      .attribute("keep_aspect_ratio_policy", std::string("stretch"))
      .attribute("mode", std::string("nearest"))
      .attribute("nearest_mode", std::string("round_prefer_floor"))
      .optional_attribute("roi", Floats{})
      .optional_attribute("scales", Floats{});
}

namespace {

// The samples of output index(0) on an axis; `tap` counts them.
Taps samples_of(const OpContext& c, const ResizedAxis& a, const Scalar& tap) {
  const Scalar x = original_position(c, a, Scalar::index(0));
  Taps taps = c.text("mode") == "nearest"
                  ? Taps{1, clamped(cast(nearest_position(c, x), DType::i64), a.input), f64(1.0)}
                  : taps_of(c, a, x, tap);
  if (c.text("coordinate_transformation_mode") == "tf_crop_and_resize")
    taps.weight = select(x >= f64(0.0) && x <= f64(a.input) - 1.0, taps.weight, f64(0.0));
  return taps;
}

// ---- the whole matrix

Computation resize_matrix(const OpContext& c, int) {
  const ResizedAxis a = resize_axes(c)[static_cast<size_t>(c.integer("position"))];
  const Taps taps = samples_of(c, a, Scalar::index(2));
  const Scalar zero = f64(0.0);
  Computation result = sum_of(c, {taps.count}, select(taps.index == Scalar::index(1), taps.weight, zero));
  if (!needs_normalization(c)) return result;
  result.elements.push_back(taps.weight);
  result.init.push_back(zero);
  result.combine = {Scalar::param(0, DType::f64) + Scalar::param(2, DType::f64),
                    Scalar::param(1, DType::f64) + Scalar::param(3, DType::f64)};
  const Scalar sum = Scalar::param(0, DType::f64), total = Scalar::param(1, DType::f64);
  result.value = cast(select(total == zero, sum, sum / total), c.dtype());
  return result;
}

[[maybe_unused]] OpDef& op_ResizeMatrix =
    resize_attributes(register_op("ResizeMatrix"))
        .doc(
            "The matrix [output, input] by which Resize with these operands and attributes "
            "multiplies the axis at `position` among the axes that it resizes. Of X only the shape "
            "counts.")
        .input("X", kFloatTypes)
        .optional_input("sizes", {DType::i64}, "")
        .output("Y")
        .attribute("position", int64_t{0})
        .infer([](const OpContext& c) -> std::vector<Type> {
          const std::vector<ResizedAxis> axes = resize_axes(c);
          const auto position = static_cast<size_t>(c.integer("position"));
          c.require(position < axes.size(), "position is ", position, ", but ", axes.size(),
                    " axes are resized");
          return {{c.dtype(), {axes[position].output, axes[position].input}}};
        })
        .compute(resize_matrix)
        .example({random(DType::f32, {1, 4, 5})},
                 {{"scales", Floats{1, 2, 0.5}}, {"position", int64_t{1}}})
        .example({random(DType::f64, {4, 5}), given(Tensor::ints({7, 3}))}, {{"mode", std::string("cubic")}});

// ---- its bands

// The samples of all outputs [output, taps].
struct Samples {
  Tensor index, weight;

  int64_t outputs() const { return index.shape()[0]; }
  int64_t taps() const { return index.shape()[1]; }
};

Samples evaluated_samples(const OpContext& c, const ResizedAxis& a, const Symbols& symbols) {
  const Taps taps = samples_of(c, a, Scalar::index(1));
  const auto table = [&](DType dtype, const Scalar& value) {
    Computation computation;
    computation.dtype = dtype;
    computation.space = {a.output, taps.count};
    computation.value = value;
    return evaluate(computation, {}, symbols);
  };
  return {table(DType::i64, taps.index), table(DType::f64, taps.weight)};
}

void normalize(Samples& samples) {
  double* weights = samples.weight.mutable_data<double>();
  for (int64_t o = 0; o < samples.outputs(); ++o, weights += samples.taps()) {
    double total = 0;
    for (int64_t t = 0; t < samples.taps(); ++t) total += weights[t];
    for (int64_t t = 0; t < samples.taps() && total != 0; ++t) weights[t] /= total;
  }
}

// Calls `visit(input, output, weight)` for every sample that counts.
template <typename Visit>
void for_each_sample(const Samples& samples, const Visit& visit) {
  const auto* index = samples.index.data<int64_t>();
  const auto* weight = samples.weight.data<double>();
  for (int64_t o = 0; o < samples.outputs(); ++o)
    for (int64_t t = 0; t < samples.taps(); ++t, ++index, ++weight)
      if (*weight != 0) visit(*index, o, *weight);
}

// For each input where the run of outputs that it goes to begins, and the weights of the run, which is as long for all.
struct Band {
  Ints starts;
  int64_t run = 1;
  std::vector<double> weights;
};

Band band_of(const Samples& samples, int64_t inputs) {
  const int64_t outputs = samples.outputs();
  Ints last(static_cast<size_t>(inputs), -1);
  Band band{Ints(static_cast<size_t>(inputs), outputs), 1, {}};
  for_each_sample(samples, [&](int64_t i, int64_t o, double) {
    auto &begin = band.starts[static_cast<size_t>(i)], &end = last[static_cast<size_t>(i)];
    begin = std::min(begin, o);
    end = std::max(end, o);
    band.run = std::max(band.run, end - begin + 1);
  });
  for (int64_t& start : band.starts) start = std::min(start, outputs - band.run);
  band.weights.resize(static_cast<size_t>(inputs * band.run));
  for_each_sample(samples, [&](int64_t i, int64_t o, double weight) {
    band.weights[static_cast<size_t>(i * band.run + o - band.starts[static_cast<size_t>(i)])] += weight;
  });
  return band;
}

Value* banded_product(Graph& g, Value* dy, int axis, const Band& band) {
  const auto inputs = static_cast<int64_t>(band.starts.size());
  Tensor weights(dy->dtype(), {inputs, band.run});
  for (int64_t k = 0; k < weights.size(); ++k) weights.set_double(k, band.weights[static_cast<size_t>(k)]);
  return g.make("BandedProduct", {dy, g.constant(Tensor::ints(band.starts)), g.constant(weights)},
                {{"axis", static_cast<int64_t>(axis)}});
}

// ---- windows

// Into how many outputs each element is repeated, by sizes alone.
std::optional<int64_t> whole_factor(const ResizedAxis& a) {
  constexpr int64_t kMost = 64;
  for (int64_t factor = 2; factor <= kMost; ++factor)
    if (a.input * factor == a.output && Dim::floor_div(a.output, factor) == a.input) return factor;
  return std::nullopt;
}

bool are_windows(const Samples& samples, int64_t factor) {
  const auto* index = samples.index.data<int64_t>();
  for (int64_t o = 0; o < samples.outputs(); ++o)
    if (index[o] != o / factor) return false;
  return true;
}

// The number of outputs that each element is repeated in, one after the other; none where an element goes elsewhere.
std::optional<int64_t> window_size(const OpContext& c, const ResizedAxis& a) {
  const std::string& coordinates = c.text("coordinate_transformation_mode");
  const std::optional<int64_t> factor = whole_factor(a);
  if (c.text("mode") != "nearest" || !factor || coordinates == "tf_crop_and_resize") return std::nullopt;
  if (a.input.is_const()) return are_windows(evaluated_samples(c, a, {}), *factor) ? factor : std::nullopt;
  // Positions depend on no size in the other modes, so that what holds for some sizes holds for all.
  if (coordinates == "align_corners") return std::nullopt;
  for (const int64_t size : {3, 64}) {
    Symbols symbols;
    for (const std::string& name : a.input.symbols()) symbols[name] = size;
    if (!are_windows(evaluated_samples(c, a, symbols), *factor)) return std::nullopt;
  }
  return factor;
}

Value* axis_gradient(GradientBuilder& g, const ResizedAxis& a, int64_t position, Value* dy) {
  const OpContext c = g.context();
  if (const auto size = window_size(c, a))
    return g.make("WindowSums", {dy}, {{"axis", static_cast<int64_t>(a.axis)}, {"size", *size}});
  if (a.input.is_const() && a.output.is_const() && a.input.value() > 0 && a.output.value() > 0) {
    Samples samples = evaluated_samples(c, a, {});
    if (needs_normalization(c)) normalize(samples);
    const Band band = band_of(samples, a.input.value());
    if (band.run < a.output.value()) return banded_product(g.graph(), dy, a.axis, band);
  }
  Attributes attributes = g.node().attributes();
  attributes["position"] = position;
  return axis_times_matrix(g.graph(), dy, a.axis, g.make("ResizeMatrix", {g.input(0), g.input(1)}, attributes));
}

}  // namespace

// With nothing resized the operand is the result, also in modes that would interpolate.
void resize_gradient(GradientBuilder& g) {
  const OpContext c = g.context();
  const std::vector<ResizedAxis> axes = resize_axes(c);
  Value* dx = g.out_grad();
  for (size_t i = 0; i < axes.size(); ++i)
    if (!is_unchanged(c, axes[i])) dx = axis_gradient(g, axes[i], static_cast<int64_t>(i), dx);
  g.wrt(0, dx);
}

}  // namespace cnnc

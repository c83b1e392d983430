// Layers that vary images while a model is trained.
#include <cmath>
#include <cstdint>

#include "cnnc/preprocessing.h"
#include "frontend/dsl/image_parts.h"
#include "frontend/dsl/random_parts.h"

namespace cnnc::dsl {

// One random number for each image, [batch, 1, 1, 1].
static Tensor for_each_image(const Tensor& image, Factor range, const Location& where) {
  return uniform_like(first_along(image, {1, 2, 3}, where), range.low, range.high, where);
}

static void require_within(const char* what, Factor factor, double low, double high) {
  require(factor.low >= low && factor.high <= high, what, " is [", factor.low, ", ", factor.high,
          "], need numbers from ", low, " to ", high);
}

// ---- flips and crops -------------------------------------------------------------------------------------------------
static Tensor turned(const Tensor& image, int64_t axis, const Location& where) {
  return record("Slice", {image, integers({-1}), integers({INT64_MIN}), integers({axis}), integers({-1})}, {}, where);
}

RandomFlip::RandomFlip(Flip flip, Location where)
    : Layer(
          "RandomFlip",
          [=](LayerScope&, const Tensors& x) {
            const Tensor& image = one_image(x);
            Tensor other = image;
            if (flip != Flip::vertical) other = turned(other, 3, where);
            if (flip != Flip::horizontal) other = turned(other, 2, where);
            const Tensor half = constant_tensor(cnnc::Tensor::scalar(DType::f32, 0.5));
            const Tensor coin = record("LessOrEqual", {for_each_image(image, {0, 1}, where), half}, {}, where);
            return when_training(image, record("Where", {coin, other, image}, {}, where), where);
          },
          where) {}

// `count` elements of an axis from a random place on.
static Tensor random_window(const Tensor& image, int64_t axis, int64_t count, const Location& where) {
  const int64_t places = known_size(image, axis) - count + 1;
  const Tensor number = constant_tensor(cnnc::Tensor::of<float>(DType::f32, {1}, {0}));
  const Tensor place = uniform_like(number, 0, static_cast<double>(places), where);
  const Tensor begin = record("Cast", {place}, {{"to", DType::i64}}, where);
  Ints steps;
  for (int64_t i = 0; i < count; ++i) steps.push_back(i);
  return record("Gather", {image, begin + integers(steps)}, {{"axis", axis}}, where);
}

RandomCrop::RandomCrop(int64_t height, int64_t width, Location where)
    : Layer(
          "RandomCrop",
          [=](LayerScope&, const Tensors& x) {
            const ImageSize from = size_of_image(one_image(x));
            const Tensor usual = smart_resized(x[0], {height, width}, where);
            if (from.height <= height || from.width <= width) return usual;
            const Tensor window = random_window(random_window(x[0], 2, height, where), 3, width, where);
            return when_training(usual, window, where);
          },
          where) {}

// ---- affine transforms -----------------------------------------------------------------------------------------------
namespace {
using Matrix = std::array<double, 6>;  // rows x and y; columns x, y and 1
struct Term {
  Tensor factor;  // [batch, 1, 1]
  Matrix matrix;
};
}  // namespace

static Tensor constant_matrix(const Matrix& m) {
  return constant_tensor(cnnc::Tensor::of<float>(DType::f32, {1, 2, 3}, std::vector<float>(m.begin(), m.end())));
}

// One random number for each image, [batch, 1, 1].
static Tensor for_each_matrix(const Tensor& image, Factor range, const Location& where) {
  return record("Squeeze", {for_each_image(image, range, where), integers({3})}, {}, where);
}

static const char* name_of(FillMode mode) {
  switch (mode) {
    case FillMode::constant: return "constant";
    case FillMode::nearest: return "nearest";
    case FillMode::wrap: return "wrap";
    default: return "reflect";
  }
}

// The image seen through constant + the sum of factor * matrix.
static Tensor transformed(const Tensor& image, const Matrix& constant, const std::vector<Term>& terms,
                          const TransformOptions& o, const Location& where) {
  Tensor matrices = constant_matrix(constant);
  for (const Term& term : terms) matrices = matrices + term.factor * constant_matrix(term.matrix);
  const bool nearest = o.interpolation == Interpolation::nearest;
  const Tensor moved = record("AffineSample", {image, matrices},
                              {{"fill_mode", std::string(name_of(o.fill_mode))},
                               {"interpolation", std::string(nearest ? "nearest" : "bilinear")},
                               {"fill_value", o.fill_value}},
                              where);
  return when_training(image, moved, where);
}

RandomTranslation::RandomTranslation(Factor height, Factor width, TransformOptions o, Location where)
    : Layer(
          "RandomTranslation",
          [=](LayerScope&, const Tensors& x) {
            require_within("the height factor", height, -1, 1);
            require_within("the width factor", width, -1, 1);
            const ImageSize size = size_of_image(one_image(x));
            const Tensor down = for_each_matrix(x[0], height, where), right = for_each_matrix(x[0], width, where);
            return transformed(x[0], {1, 0, 0, 0, 1, 0},
                               {{right, {0, 0, -static_cast<double>(size.width), 0, 0, 0}},
                                {down, {0, 0, 0, 0, 0, -static_cast<double>(size.height)}}},
                               o, where);
          },
          where) {}

RandomRotation::RandomRotation(Factor factor, TransformOptions o, Location where)
    : Layer(
          "RandomRotation",
          [=](LayerScope&, const Tensors& x) {
            const ImageSize size = size_of_image(one_image(x));
            const double cx = static_cast<double>(size.width - 1) / 2, cy = static_cast<double>(size.height - 1) / 2;
            const Tensor angle = for_each_matrix(x[0], {factor.low * 2 * M_PI, factor.high * 2 * M_PI}, where);
            const Tensor cosine = record("Cos", {angle}, {}, where), sine = record("Sin", {angle}, {}, where);
            return transformed(x[0], {0, 0, cx, 0, 0, cy},
                               {{cosine, {1, 0, -cx, 0, 1, -cy}}, {sine, {0, -1, cy, 1, 0, -cx}}}, o, where);
          },
          where) {}

static Tensor zoomed(const Tensor& image, const Tensor& down, const Tensor& right, const TransformOptions& o,
                     const Location& where) {
  const ImageSize size = size_of_image(image);
  const double cx = static_cast<double>(size.width - 1) / 2, cy = static_cast<double>(size.height - 1) / 2;
  return transformed(image, {0, 0, cx, 0, 0, cy}, {{right, {1, 0, -cx, 0, 0, 0}}, {down, {0, 0, 0, 0, 1, -cy}}}, o,
                     where);
}

static Tensor random_scale(const Tensor& image, Factor factor, const Location& where) {
  require(factor.low > -1 && factor.high <= 1, "the factor is [", factor.low, ", ", factor.high,
          "], need numbers greater than -1 and at most 1");
  return for_each_matrix(image, {1 + factor.low, 1 + factor.high}, where);
}

RandomZoom::RandomZoom(Factor height, TransformOptions o, Location where)
    : Layer(
          "RandomZoom",
          [=](LayerScope&, const Tensors& x) {
            const Tensor both = random_scale(one_image(x), height, where);
            return zoomed(x[0], both, both, o, where);
          },
          where) {}

RandomZoom::RandomZoom(Factor height, Factor width, TransformOptions o, Location where)
    : Layer(
          "RandomZoom",
          [=](LayerScope&, const Tensors& x) {
            const Tensor down = random_scale(one_image(x), height, where);
            return zoomed(x[0], down, random_scale(x[0], width, where), o, where);
          },
          where) {}

// ---- values of pixels ------------------------------------------------------------------------------------------------
static Tensor clipped(const Tensor& x, ValueRange range, const Location& where) {
  require(range.low < range.high, "the range of values is [", range.low, ", ", range.high, "], which is empty");
  return record("Clip", {x, constant_tensor(cnnc::Tensor::scalar(DType::f32, range.low)),
                         constant_tensor(cnnc::Tensor::scalar(DType::f32, range.high))}, {}, where);
}

RandomContrast::RandomContrast(Factor factor, ValueRange range, Location where)
    : Layer(
          "RandomContrast",
          [=](LayerScope&, const Tensors& x) {
            const double lower = std::abs(factor.low), upper = std::abs(factor.high);
            require(lower <= 1 && upper <= 1, "the factor is [", lower, ", ", upper, "], need numbers from 0 to 1");
            const Tensor contrast = for_each_image(one_image(x), {1 - lower, 1 + upper}, where);
            const Tensor middle = mean(x[0], {2, 3}, true, where);
            return when_training(x[0], clipped((x[0] - middle) * contrast + middle, range, where), where);
          },
          where) {}

RandomBrightness::RandomBrightness(Factor factor, ValueRange range, Location where)
    : Layer(
          "RandomBrightness",
          [=](LayerScope&, const Tensors& x) {
            require_within("the factor", factor, -1, 1);
            const double span = range.high - range.low;
            const Tensor more = for_each_image(one_image(x), {factor.low * span, factor.high * span}, where);
            return when_training(x[0], clipped(x[0] + more, range, where), where);
          },
          where) {}

}  // namespace cnnc::dsl

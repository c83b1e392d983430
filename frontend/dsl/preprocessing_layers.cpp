// Layers that prepare data and are part of the model that is used.
#include <algorithm>
#include <cmath>

#include "cnnc/preprocessing.h"
#include "frontend/dsl/image_parts.h"

namespace cnnc::dsl {

Rescaling::Rescaling(double scale, double offset, Location where)
    : Layer(
          "Rescaling",
          [=](LayerScope&, const Tensors& x) {
            const Tensor scaled = one(x) * scale;
            return offset == 0 ? scaled : scaled + offset;
          },
          where) {
  supports_masking();
}

// ---- Normalization ---------------------------------------------------------------------------------------------------
// Sizes 1, but for the axis.
static Shape along_axis(int rank, int64_t axis, int64_t size) {
  Shape shape(static_cast<size_t>(rank - 1), 1);
  shape[static_cast<size_t>(axis - 1)] = size;
  return shape;
}

// As Keras, no deviation is smaller than 1e-7.
static Tensor normalized(const Tensor& x, const Tensor& mean, const Tensor& variance, const Location& where) {
  const Tensor smallest = constant_tensor(cnnc::Tensor::scalar(DType::f32, 1e-7));
  return (x - mean) / maximum(sqrt(variance, where), smallest, where);
}

Normalization::Normalization(int64_t axis, Location where)
    : Layer(
          "Normalization",
          [=](LayerScope& scope, const Tensors& x) {
            const int64_t a = sample_axis(one(x), axis), size = known_size(x[0], a);
            const Shape shape = along_axis(x[0].rank(), a, size);
            const Tensor mean = scope.weight("mean", {size}, zeros, {}, false);
            const Tensor variance = scope.weight("variance", {size}, ones, {}, false);
            return normalized(x[0], record("Reshape", {mean, integers(shape)}, {}, where),
                              record("Reshape", {variance, integers(shape)}, {}, where), where);
          },
          where),
      axis_(axis) {
  supports_masking();
}

static Tensor constant_along(const std::vector<double>& values, const Shape& shape) {
  cnnc::Tensor tensor(DType::f32, shape);
  for (size_t i = 0; i < values.size(); ++i) tensor.set_double(static_cast<int64_t>(i), values[i]);
  return constant_tensor(std::move(tensor));
}

Normalization::Normalization(std::vector<double> mean, std::vector<double> variance, Location where)
    : Layer(
          "Normalization",
          [=](LayerScope&, const Tensors& x) {
            const int64_t size = known_size(one(x), 1);
            const auto count = static_cast<size_t>(size);
            require(mean.size() == count && variance.size() == count, "has ", mean.size(), " means and ",
                    variance.size(), " variances, need ", size, " for ", x[0].type());
            for (const double v : variance) require(v >= 0, "a variance is ", v, ", need numbers of at least 0");
            const Shape shape = along_axis(x[0].rank(), 1, size);
            return normalized(x[0], constant_along(mean, shape), constant_along(variance, shape), where);
          },
          where) {
  supports_masking();
}

namespace {
struct Statistics {
  std::vector<double> mean, variance;
};
}  // namespace

// In two passes, for differences of large sums would lose the variance.
static Statistics statistics_of(const Array& data, size_t axis) {
  const Shape& shape = data.shape();
  const int64_t size = shape[axis];
  int64_t inner = 1;
  for (size_t a = axis + 1; a < shape.size(); ++a) inner *= shape[a];
  Statistics result{std::vector<double>(static_cast<size_t>(size)), std::vector<double>(static_cast<size_t>(size))};
  const double count = static_cast<double>(data.size() / size);
  const auto place = [&](int64_t i) { return static_cast<size_t>(i / inner % size); };
  for (int64_t i = 0; i < data.size(); ++i) result.mean[place(i)] += data.at(i);
  for (double& mean : result.mean) mean /= count;
  for (int64_t i = 0; i < data.size(); ++i) {
    const double difference = data.at(i) - result.mean[place(i)];
    result.variance[place(i)] += difference * difference / count;
  }
  return result;
}

static Array floats(const std::vector<double>& values) {
  return Array({static_cast<int64_t>(values.size())}, std::vector<float>(values.begin(), values.end()));
}

void Normalization::adapt(const Array& data) {
  LayerState& layer = *state();
  const auto need = [&](bool condition, const char* what) {
    if (!condition) throw Error(cat(layer.description(), ": adapt() was given ", data.type(), what), Fault::usage);
  };
  need(!data.empty(), ", need samples");
  const auto rank = static_cast<int64_t>(data.shape().size()), axis = axis_ < 0 ? axis_ + rank : axis_;
  need(axis > 0 && axis < rank, ", which lacks the layer's axis");
  const Statistics statistics = statistics_of(data, static_cast<size_t>(axis));
  LayerScope scope(layer);
  const Array mean = floats(statistics.mean), variance = floats(statistics.variance);
  scope.weight("mean", mean, {}, false);
  scope.weight("variance", variance, {}, false);
  set_weights({mean, variance});
}

// ---- sizes of images -------------------------------------------------------------------------------------------------
Resizing::Resizing(int64_t height, int64_t width, ResizingOptions o, Location where)
    : Layer(
          "Resizing",
          [=](LayerScope&, const Tensors& x) {
            require(!o.crop_to_aspect_ratio || !o.pad_to_aspect_ratio,
                    "crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other");
            Tensor image = one_image(x);
            if (o.crop_to_aspect_ratio) image = cropped_to_ratio(image, {height, width}, where);
            if (o.pad_to_aspect_ratio) image = padded_to_ratio(image, {height, width}, o.fill_value, where);
            return resized(image, {height, width}, o.interpolation, where);
          },
          where) {}

CenterCrop::CenterCrop(int64_t height, int64_t width, Location where)
    : Layer(
          "CenterCrop",
          [=](LayerScope&, const Tensors& x) {
            const ImageSize from = size_of_image(one_image(x));
            if (from.height < height || from.width < width) return smart_resized(x[0], {height, width}, where);
            const int64_t top = (from.height - height) / 2, left = (from.width - width) / 2;
            return slice(slice(x[0], 2, top, top + height, where), 3, left, left + width, where);
          },
          where) {}

// ---- categories ------------------------------------------------------------------------------------------------------
CategoryEncoding::CategoryEncoding(int64_t tokens, Encoding encoding, Location where)
    : Layer(
          "CategoryEncoding",
          [=](LayerScope&, const Tensors& x) {
            require(tokens > 0, "has ", tokens, " tokens, need a positive number");
            require(is_int(one(x).definition()->type.dtype), "takes indices, was given ", x[0].type(),
                    "; make the input with InputType::i32");
            const Tensor depth = constant_tensor(cnnc::Tensor::scalar(DType::i64, static_cast<double>(tokens)));
            const Tensor values = constant_tensor(cnnc::Tensor::of<float>(DType::f32, {2}, {0, 1}));
            const Tensor hot = record("OneHot", {x[0], depth, values}, {{"axis", int64_t{-1}}}, where);
            const int64_t indices = hot.rank() - 2;
            if (encoding == Encoding::one_hot || indices == 0)
              return indices > 0 && x[0].shape().back() == 1 ? record("Squeeze", {hot, integers({indices})}, {}, where)
                                                             : hot;
            return encoding == Encoding::count ? sum(hot, {indices}, false, where) : max(hot, {indices}, false, where);
          },
          where) {}

}  // namespace cnnc::dsl

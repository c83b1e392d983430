// Pooling.
#include "frontend/dsl/masks.h"

namespace cnnc::dsl {

static const Tensor& one_sequence(const Tensors& x, DataFormat format) {
  return one_of_rank(x, 3, format == DataFormat::channels_first ? axes_text(1) : "[batch, steps, features]");
}
static int64_t step_axis(DataFormat format) { return format == DataFormat::channels_first ? 2 : 1; }

static Layer::Function pool_function(const char* op, size_t spatial, Sizes window, PoolOptions o, Location where) {
  return [=](LayerScope&, const Tensors& x) {
    const Tensor& image = one_of_rank(x, static_cast<int>(spatial + 2), axes_text(spatial));
    const Ints kernel = for_axes(window, spatial, "window");
    const bool own_strides = o.strides.values != Ints{0};
    const Ints strides = own_strides ? for_axes(o.strides, spatial, "strides") : kernel;
    Attributes attributes{{"kernel_shape", kernel}, {"strides", strides}};
    if (o.ceil_mode) attributes["ceil_mode"] = int64_t{1};
    if (o.count_include_pad && std::string(op) == "AveragePool") attributes["count_include_pad"] = int64_t{1};
    set_padding(attributes, o.padding, image, kernel, strides, Ints(spatial, 1));
    return record(op, {image}, std::move(attributes), where);
  };
}

MaxPool2D::MaxPool2D(Sizes window, PoolOptions options, Location where)
    : Layer("MaxPool2D", pool_function("MaxPool", 2, std::move(window), std::move(options), where), where) {}
MaxPool1D::MaxPool1D(Sizes window, PoolOptions options, Location where)
    : Layer("MaxPool1D", pool_function("MaxPool", 1, std::move(window), std::move(options), where), where) {}
AveragePool2D::AveragePool2D(Sizes window, PoolOptions options, Location where)
    : Layer("AveragePool2D", pool_function("AveragePool", 2, std::move(window), std::move(options), where), where) {}

AveragePool1D::AveragePool1D(Sizes window, PoolOptions options, Location where)
    : Layer("AveragePool1D", pool_function("AveragePool", 1, std::move(window), std::move(options), where), where) {}
MaxPool3D::MaxPool3D(Sizes window, PoolOptions options, Location where)
    : Layer("MaxPool3D", pool_function("MaxPool", 3, std::move(window), std::move(options), where), where) {}
AveragePool3D::AveragePool3D(Sizes window, PoolOptions options, Location where)
    : Layer("AveragePool3D", pool_function("AveragePool", 3, std::move(window), std::move(options), where), where) {}

static Layer::Function global_pool_function(const char* op, Location where) {
  return [=](LayerScope&, const Tensors& x) {
    const Tensor& image = one_of_rank(x, 4, axes_text(2));
    return record("Flatten", {record(op, {image}, {}, where)}, {}, where);
  };
}

// Over the steps that count.
static Tensor masked_mean(const Tensor& x, int64_t axis, const Location& where) {
  const Tensor mask = mask_along(x, axis, where), zero = constant_tensor(cnnc::Tensor::scalar(DType::f32, 0));
  const Tensor total = sum(record("Where", {mask, masked(x, {}), zero}, {}, where), {axis}, false, where);
  const Tensor count = sum(record("Cast", {mask}, {{"to", DType::f32}}, where), {axis}, false, where);
  return total / maximum(count, constant_tensor(cnnc::Tensor::scalar(DType::f32, 1)), where);
}

GlobalAveragePool1D::GlobalAveragePool1D(DataFormat format, Location where)
    : Layer(
          "GlobalAveragePool1D",
          [=](LayerScope&, const Tensors& x) {
            const Tensor& sequence = one_sequence(x, format);
            return sequence.mask() ? masked_mean(sequence, step_axis(format), where)
                                   : mean(sequence, {step_axis(format)}, false, where);
          },
          where) {
  decides_masks(*this);
}
GlobalMaxPool1D::GlobalMaxPool1D(DataFormat format, Location where)
    : Layer(
          "GlobalMaxPool1D",
          [=](LayerScope&, const Tensors& x) { return max(one_sequence(x, format), {step_axis(format)}, false, where); },
          where) {}

GlobalAveragePool2D::GlobalAveragePool2D(Location where)
    : Layer("GlobalAveragePool2D", global_pool_function("GlobalAveragePool", where), where) {}
GlobalMaxPool2D::GlobalMaxPool2D(Location where)
    : Layer("GlobalMaxPool2D", global_pool_function("GlobalMaxPool", where), where) {}

Tensor max_pool2d(const Tensor& x, Sizes window, PoolOptions options, Location where) {
  return MaxPool2D(std::move(window), std::move(options), where)(x);
}
Tensor average_pool2d(const Tensor& x, Sizes window, PoolOptions options, Location where) {
  return AveragePool2D(std::move(window), std::move(options), where)(x);
}
Tensor global_average_pool2d(const Tensor& x, Location where) { return GlobalAveragePool2D(where)(x); }

}  // namespace cnnc::dsl

// Pooling.
#include "frontend/dsl/layer_parts.h"

namespace cnnc::dsl {

static Layer::Function pool_function(const char* op, size_t spatial, Sizes window, PoolOptions o, Location where) {
  return [=](LayerScope&, const Tensors& x) {
    const Tensor& image = one_of_rank(x, static_cast<int>(spatial + 2),
                                      spatial == 1 ? "[batch, channels, steps]" : "[batch, channels, height, width]");
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

static Layer::Function global_pool_function(const char* op, Location where) {
  return [=](LayerScope&, const Tensors& x) {
    const Tensor& image = one_of_rank(x, 4, "[batch, channels, height, width]");
    return record("Flatten", {record(op, {image}, {}, where)}, {}, where);
  };
}

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

#include "frontend/dsl/layer_parts.h"

#include <algorithm>

namespace cnnc::dsl {

void decides_masks(Layer& layer) { layer.state()->masks = LayerState::Masks::decided; }

const Tensor& one(const Tensors& x) {
  require(x.size() == 1, "takes one tensor, was given ", x.size());
  return x[0];
}

const Tensor& one_of_rank(const Tensors& x, int rank, const char* axes) {
  const Tensor& tensor = one(x);
  require(tensor.rank() == rank, "takes ", axes, ", was given ", tensor.type());
  return tensor;
}

const char* axes_text(size_t spatial) {
  return spatial == 1   ? "[batch, channels, steps]"
         : spatial == 2 ? "[batch, channels, height, width]"
                        : "[batch, channels, depth, height, width]";
}

int64_t known_size(const Tensor& x, int64_t axis) {
  require(axis >= 0 && axis < x.rank(), "axis ", axis, " does not exist in ", x.type());
  const int64_t size = x.shape()[static_cast<size_t>(axis)];
  require(size >= 0, "the size of axis ", axis, " must be known, was given ", x.type());
  return size;
}

int64_t sample_axis(const Tensor& x, int64_t axis) {
  const int64_t found = axis < 0 ? axis + x.rank() : axis;
  require(found > 0 && found < x.rank(), "axis ", axis, " is none of a sample's in ", x.type());
  return found;
}

double require_rate(double rate) {
  require(rate >= 0 && rate < 1, "rate is ", rate, ", need one in [0, 1)");
  return rate;
}

Ints for_axes(const Sizes& sizes, size_t count, const char* what, int64_t least) {
  const Ints& v = sizes.values;
  require(v.size() == 1 || v.size() == count, what, " has ", v.size(), " numbers, need 1 or ", count);
  for (const int64_t size : v)
    require(size >= least, what, " holds ", size, ", need ", least > 0 ? "positive numbers" : "0 or more");
  return v.size() == count ? v : Ints(count, v[0]);
}

static Ints same_pads(const Tensor& x, const Ints& kernel, const Ints& strides, const Ints& dilations) {
  const size_t count = kernel.size();
  Ints pads(2 * count);
  for (size_t i = 0; i < count; ++i) {
    const int64_t size = x.shape()[i + 2], outputs = (size + strides[i] - 1) / strides[i];
    const int64_t window = (kernel[i] - 1) * dilations[i] + 1;
    const int64_t total = std::max<int64_t>(0, (outputs - 1) * strides[i] + window - size);
    pads[i] = total / 2;
    pads[i + count] = total - total / 2;
  }
  return pads;
}

void set_padding(Attributes& attributes, const Padding& padding, const Tensor& x, const Ints& kernel,
                 const Ints& strides, const Ints& dilations) {
  if (padding.kind == Padding::Kind::valid) return;
  const Shape shape = x.shape();
  if (padding.kind == Padding::Kind::numbers) {
    require(padding.numbers.size() == 2 * kernel.size(), "padding has ", padding.numbers.size(), " numbers, need ",
            2 * kernel.size());
    attributes["pads"] = Ints(padding.numbers);
  } else if (std::any_of(shape.begin() + 2, shape.end(), [](int64_t size) { return size < 0; })) {
    attributes["auto_pad"] = std::string("SAME_UPPER");
  } else {
    attributes["pads"] = same_pads(x, kernel, strides, dilations);
  }
}

}  // namespace cnnc::dsl

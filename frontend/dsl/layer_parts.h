// What the layers share.
#pragma once
#include "frontend/dsl/definition.h"
#include "ir/op_def.h"

namespace cnnc::dsl {

// Throws a fault without the layer's name, which Layer puts in front.
template <typename... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw Error(cat(parts...), Fault::usage);
}

// For constructors: the layer's function gives its results the masks that they have.
void decides_masks(Layer& layer);

const Tensor& one(const Tensors& x);
// One tensor of `rank` axes: "[batch, channels, height, width]".
const Tensor& one_of_rank(const Tensors& x, int rank, const char* axes);
// The axes of data with 1, 2 or 3 spatial ones.
const char* axes_text(size_t spatial);
// The size of an axis, which must be known.
int64_t known_size(const Tensor& x, int64_t axis);
// A rate of dropping, which must be in [0, 1).
double require_rate(double rate);
// One number for each of `count` axes.
Ints for_axes(const Sizes& sizes, size_t count, const char* what, int64_t least = 1);
// An axis of x that may be counted from the last, as one counted from the first; the batch is none.
int64_t sample_axis(const Tensor& x, int64_t axis);
// Padding::same of a window over the spatial axes of x, as ONNX's pads when sizes are known; and auto_pad otherwise.
void set_padding(Attributes& attributes, const Padding& padding, const Tensor& x, const Ints& kernel,
                 const Ints& strides, const Ints& dilations);

}  // namespace cnnc::dsl

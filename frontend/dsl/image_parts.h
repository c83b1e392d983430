// Images [batch, channels, height, width] cut and resized, as Keras does.
#pragma once
#include "frontend/dsl/layer_parts.h"

namespace cnnc::dsl {

struct ImageSize {
  int64_t height, width;
};

const Tensor& one_image(const Tensors& x);
// Height and width, which must be known.
ImageSize size_of_image(const Tensor& image);

Tensor resized(const Tensor& image, ImageSize to, Interpolation interpolation, const Location& where);
// The largest window of `shape`'s proportions in the middle.
Tensor cropped_to_ratio(const Tensor& image, ImageSize shape, const Location& where);
// The image in the middle of the smallest frame of `shape`'s proportions.
Tensor padded_to_ratio(const Tensor& image, ImageSize shape, double fill_value, const Location& where);
// Cropped to the proportions and resized.
Tensor smart_resized(const Tensor& image, ImageSize to, const Location& where);

}  // namespace cnnc::dsl

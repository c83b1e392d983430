// What the gradients of GridSample and AffineSample share.
#pragma once
#include "ir/gradient.h"

namespace cnnc {

// The gradient of sampling with respect to the image [N, C, spatial...], from what an operator with the outputs positions
// (i64; of pixels in an image in row-major order, -1 for none) and weights, both [N, places..., taps...], says of it: every
// place's gradient goes to its taps, times their weights.
Value* sampled_image_gradient(GradientBuilder& g, const Value* image, const Node& taps);

}  // namespace cnnc

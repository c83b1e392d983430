// The geometry of Conv and ConvTranspose nodes.
#pragma once
#include "ir/gradient.h"
#include "ir/ops/window.h"

namespace cnnc {

struct Convolution {
  ChannelLayout layout;                  // of input and output
  Dim batch, channels, output_channels;  // channels of all groups
  int64_t groups = 1;
  // Conv: windows over the input. ConvTranspose: windows over the OUTPUT, which is `input` of the
  // axes, as the gradient of a convolution has them.
  Window window;

  Dim channels_per_group() const { return Dim::floor_div(channels, groups); }
  Dim outputs_per_group() const { return Dim::floor_div(output_channels, groups); }
  Dim taps() const { return product(kernel_sizes(window)); }
};

// From the operands' types; throws Error when they do not fit.
Convolution conv_geometry(const OpContext& c);
// For given sizes of input and (logical) weights, e.g. those of tensors.
Convolution conv_geometry(const OpContext& c, const Dims& input, const Dims& weights);
Convolution conv_transpose_geometry(const OpContext& c);
Convolution conv_transpose_geometry(const OpContext& c, const Dims& input, const Dims& weights);
// Sizes of the weights: the attribute weight_shape, or operand 1's.
Dims conv_weight_sizes(const OpContext& c);

// Their gradient rules (convolution_gradient.cpp).
void conv_gradient(GradientBuilder& g);
void conv_transpose_gradient(GradientBuilder& g);

}  // namespace cnnc

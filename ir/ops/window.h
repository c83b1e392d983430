// Sliding windows: the geometry that convolutions and pools share.
#pragma once
#include <vector>

#include "ir/op_def.h"

namespace cnnc {

// Where the axes of an [N, C, spatial...] or, with channels last, [N, spatial..., C] tensor are.
struct ChannelLayout {
  int rank = 4;
  bool channels_last = false;

  int spatial_rank() const { return rank - 2; }
  int channel() const { return channels_last ? rank - 1 : 1; }
  int spatial(int i) const { return channels_last ? i + 1 : i + 2; }
  // The parts of sizes or indices in this layout, and back.
  Dims spatial_dims(const Dims& dims) const;
  Dims dims(const Dim& batch, const Dim& channels, const Dims& spatial) const;
  Scalars indices(const Scalar& batch, const Scalar& channel, const Scalars& spatial) const;
};

// The layout of operand 0; throws Error when it has no spatial axis.
ChannelLayout channel_layout(const OpContext& c);

// One spatial axis. Tap `t` of window `o` reads the input at o * stride + t * dilation - pad_begin.
struct WindowAxis {
  Dim input, output, kernel, pad_begin, pad_end;
  int64_t stride = 1, dilation = 1;

  // Elements from the first to the last tap.
  Dim extent() const { return (kernel - 1) * dilation + 1; }
  Scalar position(const Scalar& out, const Scalar& tap) const;
  // Whether a position is in the input; null where it always is.
  Scalar inside(const Scalar& position) const;
};

using Window = std::vector<WindowAxis>;

// Attribute `name` as one number for each spatial axis; 1 where it is absent.
Ints per_axis(const OpContext& c, std::string_view name, size_t count);
// [begins..., ends...] of attribute `pads`; zeros where it is absent.
Ints pads_of(const OpContext& c, size_t count);
// SAME_UPPER and SAME_LOWER divide the padding so that the odd element is at the end or at the
// beginning.
void divide_padding(WindowAxis& axis, const Dim& total, const std::string& auto_pad);

// The windows that attributes strides, dilations, pads, auto_pad and ceil_mode describe over
// `spatial` sizes. With ceil_mode the last window may overrun the end, but never starts in the
// padding at the end.
Window window_of(const OpContext& c, const Dims& spatial, const Dims& kernel);
Dims output_sizes(const Window& window);
Dims kernel_sizes(const Window& window);
// Positions of the taps `taps` of the windows `outs`, and whether all are inside; null when they
// always are.
Scalars positions(const Window& window, const Scalars& outs, const Scalars& taps);
Scalar all_inside(const Window& window, const Scalars& positions);

}  // namespace cnnc

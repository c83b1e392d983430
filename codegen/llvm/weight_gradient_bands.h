// What both kernels of ConvWeightGradient share: sizes, and the walk over the images band by band.
#pragma once

#include "codegen/llvm/contraction.h"
#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loop_builder.h"
#include "codegen/llvm/tile.h"

namespace cnnc::codegen {

struct GradientAxis {
  int64_t input = 1, output = 1, kernel = 1, stride = 1, dilation = 1, pad = 0;

  // Size with its padding, as far as windows reach.
  int64_t padded() const { return (output - 1) * stride + (kernel - 1) * dilation + 1; }
  bool is_padded() const { return pad != 0 || padded() > input; }
};

// X is [batch, depth, height, width, channels], dY [batch, depth, height, width, outputs], channels and outputs of all groups; the
// result is [taps of the depth, taps of the height, taps of the width, channels / groups, outputs].
struct GradientGeometry {
  FloatType type = FloatType::f32;
  int64_t batch = 1, channels = 1, outputs = 1, groups = 1;
  GradientAxis depth, height, width;

  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return outputs / groups; }
  bool is_padded() const { return height.is_padded() || width.is_padded(); }
  // Elements between rows of an image as tasks see it, and from one tap to the next.
  int64_t row_pitch() const { return (is_padded() ? width.padded() : width.input) * channels; }
  int64_t height_pitch() const { return height.dilation * row_pitch(); }
  int64_t width_pitch() const { return width.dilation * channels; }
  int64_t dy_row_pitch() const { return width.output * outputs; }
};

GradientGeometry gradient_geometry(const Node& node);

// Rows [begin, end) of windows of one plane of an image under one tap of the depth.
struct GradientBand {
  llvm::Value *begin, *end;
  llvm::Value* x;         // row 0 of the plane, amid zeros where it is padded
  llvm::Value* dy;        // row 0 of its gradient
  llvm::Value* result;    // of this tap of the depth
  llvm::Value* is_first;  // nothing has been added up yet
};

// The largest number of rows of windows that the first-level cache holds.
int64_t rows_of_band(const GradientGeometry& geometry);

// Calls task(band, index), index being one of the `tasks` of each tap of the depth, for every task of the kernel in each band of
// each plane of each image. The kernel has `tasks` for each tap of the depth.
void emit_gradient_bands(KernelContext& k, const GradientGeometry& geometry, int64_t tasks,
                         llvm::function_ref<void(const GradientBand&, llvm::Value*)> task);
KernelNeeds gradient_needs(const GradientGeometry& geometry, int64_t tasks);

// The sum over the pixels of a band, `before` being the sums of those before it: pixel(x, dy, sums) adds one, where x and
// dy are moved on from those given.
Values sum_over_band(KernelContext& k, const GradientGeometry& geometry, const GradientBand& band, llvm::Value* x,
                     llvm::Value* dy, const Values& before,
                     llvm::function_ref<Values(llvm::Value* x, llvm::Value* dy, const Values& sums)> pixel);

// The sums that a tile has so far, at `places` of the result.
Values sums_so_far(KernelContext& k, const GradientBand& band, llvm::Type* vector, const Values& places,
                   const Values& masks);

// Both kernels' emitters; the second takes groups so narrow that a vector holds several.
KernelNeeds emit_tiled_gradient(KernelContext& k, const GradientGeometry& geometry);
bool has_narrow_groups(const GradientGeometry& geometry);
KernelNeeds emit_depthwise_gradient(KernelContext& k, const GradientGeometry& geometry);

}  // namespace cnnc::codegen

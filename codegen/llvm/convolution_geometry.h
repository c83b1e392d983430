// How a convolution walks over its output: flattening of pixels, runs of equal tiles, valid taps.
#pragma once

#include <cstdint>
#include <vector>

#include "codegen/llvm/contraction.h"
#include "codegen/llvm/tile.h"

namespace cnnc::codegen {

// Consecutive tiles of a row with the same width and the same pixels outside of the input.
struct PixelRun {
  int64_t first;  // pixel
  int64_t tiles;
  int width;
  std::vector<uint64_t> columns;  // see Tile::columns
};

int64_t divide_up(int64_t x, int64_t y);

// Taps of the kernel along an axis, and of all axes, as the weights hold them: a phase of a
// transposed convolution takes a part of them.
int64_t weight_taps(const SpatialAxis& axis);
int64_t weight_taps(const ConvolutionSpec& spec);

// True when the kernel reads one pixel for each and all pixels of an image form one row.
bool can_flatten(const ConvolutionSpec& spec);

// The same convolution over one row of depth * height * width pixels. The builder is needed for
// sizes known at run time; null leaves them open.
ConvolutionSpec flatten(const ConvolutionSpec& spec, llvm::IRBuilderBase* builder);

// Some taps of this axis may lie outside of the input.
bool needs_padding(const SpatialAxis& axis);

// Even tiles of at most `width` pixels for a row of constant size. With `zero_borders` no pixel is
// outside.
std::vector<PixelRun> pixel_runs(const SpatialAxis& axis, int width, bool zero_borders);

// Taps of `axis` that have input at the output position.
IndexRange tap_range(llvm::IRBuilderBase&, const SpatialAxis& axis, llvm::Value* position);

// Covers a range of pixels that is known at run time by tiles of `width` pixels and narrower ones
// for the rest; run(first, tiles, width) emits one kind.
void emit_runs(llvm::IRBuilderBase&, IndexRange pixels, int width,
               llvm::function_ref<void(llvm::Value* first, llvm::Value* tiles, int width)> run);

}  // namespace cnnc::codegen

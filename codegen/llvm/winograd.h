// Kernels by Winograd's filtering (ir/ops/winograd.h): what they share, and convolution.
#pragma once
#include <array>
#include <optional>
#include <string>

#include "codegen/llvm/contraction.h"
#include "codegen/llvm/loop_builder.h"
#include "ir/ops/winograd.h"

namespace cnnc::codegen {

inline constexpr int64_t kPoints = kWinogradPoints * kWinogradPoints;  // of a tile

// Row `row` of M X, for the rows of X; and M X M^T for a square X, row by row.
llvm::Value* map_row(llvm::IRBuilderBase&, const LinearMap& map, int row, llvm::ArrayRef<llvm::Value*> rows);
Values map_patch(llvm::IRBuilderBase&, const LinearMap& map, const Values& patch);

// One axis of an image under patches.
struct PatchAxis {
  int64_t size = 1, stride = 1;  // pixels, and elements between them
};
// Addresses of the pixels at some rows and columns, row by row, of which those outside of the image are `zeros`.
Values patch_places(llvm::IRBuilderBase&, llvm::Type* element, llvm::Value* image, const PatchAxis& row_axis,
                    const Values& rows, const PatchAxis& column_axis, const Values& columns, llvm::Value* zeros);
// `count` numbers from `first` on.
Values consecutive(llvm::IRBuilderBase&, llvm::Value* first, int count);

// Calls body(first channel, mask) for each vector of channels; the mask is null where all lanes exist.
void for_each_vector(llvm::IRBuilderBase&, int64_t channels, int lanes,
                     llvm::function_ref<void(llvm::Value*, llvm::Value*)> body);

// Tiles of 2 x 2 results of images, numbered through.
struct TileGrid {
  int64_t rows = 1, columns = 1;  // of one image
  int64_t of_image() const { return rows * columns; }
};
TileGrid tile_grid(int64_t output_rows, int64_t output_columns);
// Image, row and column of a tile.
std::array<llvm::Value*, 3> place_of_tile(llvm::IRBuilderBase&, const TileGrid& grid, llvm::Value* tile);

// Elements between points that hold `elements` each, so that the numbers of all points of a pixel do not fall into the same
// cache sets.
int64_t spaced_points(int64_t elements, int lanes);

// Numbers at the points in scratch memory: [points][tiles of a block][channels].
struct PointsLayout {
  int64_t channels = 1;  // between tiles
  int64_t point = 1;     // between points
  int64_t elements() const { return kPoints * point; }
};
PointsLayout points_layout(int64_t tiles, int64_t channels, int lanes);

// ---- convolution

// Tiling of such a convolution. A task is a block of tiles times some panels of output channels.
struct WinogradPlan {
  int lanes = 16, vectors = 1;
  int width = 1;      // tiles that are multiplied together
  int64_t block = 1;  // tiles of a task, a multiple of `width`
  int64_t panels = 1, panels_per_task = 1;
  bool resident = false;  // a thread brings all filters to the points at once; else panel by panel, for each task

  int64_t nr() const { return int64_t{lanes} * vectors; }
};

// Says in one sentence why the convolution is not computed so, or would not be faster; nothing when it is.
std::optional<std::string> winograd_refusal(const ConvolutionSpec& spec, const VectorIsa& isa);
WinogradPlan plan_winograd(const ConvolutionSpec& spec, const VectorIsa& isa);
llvm::Value* emit_winograd_tasks(llvm::IRBuilderBase&, const ConvolutionSpec&, const WinogradPlan&);
int64_t winograd_scratch(llvm::IRBuilderBase&, const ConvolutionSpec&, const WinogradPlan&);  // bytes
// As emit_convolution(), with weights packed alike.
void emit_winograd(llvm::IRBuilderBase&, const ConvolutionSpec&, const WinogradPlan&, const VectorIsa&,
                   const KernelOperands&, const Epilogue& = nullptr);

}  // namespace cnnc::codegen

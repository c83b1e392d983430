// The parts of a convolution by Winograd's filtering that do not depend on what follows it: a convolution and the gradient of one
// with the same image and channels have the same ones. Each is a function that the kernels of a program share.
#pragma once
#include <string>

#include "codegen/llvm/winograd.h"

namespace cnnc::codegen {

// Tiles of the results of an image.
TileGrid grid_of(const ConvolutionSpec& spec);

class WinogradParts {
 public:
  WinogradParts(const ConvolutionSpec& spec, const WinogradPlan& plan, const VectorIsa& isa)
      : spec_(spec),
        plan_(plan),
        isa_(isa),
        grid_(grid_of(spec)),
        patches_(points_layout(plan.block, spec.channels, plan.lanes)),
        sums_(points_layout(plan.block, plan.nr(), plan.lanes)) {}

  const TileGrid& grid() const { return grid_; }
  const PointsLayout& patches() const { return patches_; }
  const PointsLayout& sums() const { return sums_; }
  // Elements between the points of a panel's filters.
  int64_t filter_point() const { return spaced_points(spec_.channels * plan_.nr(), plan_.lanes); }

  // The patches under tiles [first, first + tiles) to the points; `zeros` stands for pixels outside of the image.
  void call_patches(llvm::IRBuilderBase&, const SharedFunction&, llvm::Value* input, llvm::Value* batch_stride,
                    llvm::Value* zeros, llvm::Value* to, llvm::Value* first, llvm::Value* tiles) const;
  // The filters of a panel, [tap][channel][nr], at the points: [point][channel][nr].
  void call_filters(llvm::IRBuilderBase&, const SharedFunction&, llvm::Value* from, llvm::Value* to) const;
  // sums[point] = patches[point] * filters[point] for all points, and for as many groups of tiles as hold so many.
  void call_products(llvm::IRBuilderBase&, const SharedFunction&, llvm::Value* patches, llvm::Value* filters, llvm::Value* sums,
                     llvm::Value* tiles) const;

 private:
  std::string name(const char* part, std::initializer_list<int64_t> numbers) const;
  llvm::FixedVectorType* vector_type(llvm::IRBuilderBase& b) const;
  void store_points(llvm::IRBuilderBase& b, llvm::Value* to, int64_t distance, const Values& points) const;
  void emit_patch(llvm::IRBuilderBase& b, llvm::Function& f, llvm::Value* tile) const;
  void emit_filters(llvm::IRBuilderBase& b, llvm::Function& f) const;
  void emit_products(llvm::IRBuilderBase& b, llvm::Function& f, llvm::Value* point) const;

  const ConvolutionSpec& spec_;
  const WinogradPlan& plan_;
  VectorIsa isa_;
  TileGrid grid_;
  PointsLayout patches_, sums_;
};

}  // namespace cnnc::codegen

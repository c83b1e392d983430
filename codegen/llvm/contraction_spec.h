// Contraction views as the descriptions that the kernel generators take.
#pragma once
#include "ir/contraction_view.h"
#include "codegen/llvm/contraction.h"

namespace cnnc::codegen {

// Gives a Size for a Dim: run-time ones as values, or Size::runtime() for planning.
using SizeOf = std::function<Size(const Dim&)>;

inline Size planning_size(const Dim& dim) { return dim.is_const() ? Size(dim.value()) : Size::runtime(); }

// Which axes of the result the generator counts as `batch` and which as `pixel`; the last axis is `channel`.
struct ResultAxes {
  std::vector<int> batch, pixel;
};

ConvolutionSpec convolution_spec(const ContractionView& view, const SizeOf& size);
MatMulSpec matmul_spec(const ContractionView& view, const SizeOf& size);
ResultAxes result_axes(const ContractionView& view);
// Whether leading axes of A of a product with packed B are walked as rows of one matrix.
bool rows_join(const ContractionView& view);

}  // namespace cnnc::codegen

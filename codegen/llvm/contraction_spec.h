// Contraction views as the descriptions that the kernel generators take.
#pragma once
#include "ir/contraction_view.h"
#include "codegen/llvm/contraction.h"
#include "ir/ops/window.h"

namespace cnnc::codegen {

// Gives a Size for a Dim: run-time ones as values, or Size::runtime() for planning.
using SizeOf = std::function<Size(const Dim&)>;

inline Size planning_size(const Dim& dim) { return dim.is_const() ? Size(dim.value()) : Size::runtime(); }

// Which axes of the result the generator counts as `batch` and which as `pixel`; the last axis is `channel`.
struct ResultAxes {
  std::vector<int> batch, pixel;
};

// The convolution that the view is; what a transposed one consists of. The number of parts does not depend on `size`.
std::vector<ConvolutionSpec> convolution_specs(const ContractionView& view, const SizeOf& size);
// Their plans, for weights packed alike.
std::vector<ContractionPlan> plan_convolutions(const std::vector<ConvolutionSpec>& specs, const VectorIsa& isa);
// The parts of a transposed convolution: `whole` for each combination of phases (transposed_convolution.cpp).
std::vector<ConvolutionSpec> transposed_parts(const ContractionView& view, const Window& window, const ConvolutionSpec& whole,
                                              const SizeOf& size);
MatMulSpec matmul_spec(const ContractionView& view, const SizeOf& size);
ResultAxes result_axes(const ContractionView& view);
// Whether leading axes of A of a product with packed B are walked as rows of one matrix.
bool rows_join(const ContractionView& view);

}  // namespace cnnc::codegen

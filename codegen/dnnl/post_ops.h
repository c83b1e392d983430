// Element-wise operators behind a contraction as oneDNN post-ops.
#pragma once
#include <string>
#include <vector>

#include "ir/contraction_view.h"
#include "runtime/dnnl_params.h"

namespace cnnc::codegen {

// Thrown and caught in codegen/dnnl: oneDNN cannot do it, and why.
struct DnnlRefusal {
  std::string why;
};

// Fills the epilogue with the nodes behind the view's root and appends the operands that they need (a MatMul's bias first).
// Throws DnnlRefusal.
void add_post_ops(const Node& node, const ContractionView& view, DnnlEpilogue& epilogue, std::vector<int>& operands);

}  // namespace cnnc::codegen

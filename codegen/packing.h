// Which kernel computes a contraction, and how its weights are packed.
#pragma once
#include <optional>
#include <string>

#include "ir/contraction_view.h"
#include "codegen/target_machine.h"

namespace cnnc::codegen {

// The weight operand of a contraction, when it is one of the node's own operands and not transposed in the body; or null.
Value* weight_operand(const Node& node, const ContractionView& view);

// Attributes of the PackPanels node that packs the weights.
struct PanelPacking {
  int64_t groups = 1;
  int64_t nr = 16;
  std::string layout = "OI";
};

// Why the kernel cannot compute it, in one sentence; nothing when it can.
std::optional<std::string> contract_refusal(const ContractionView& view, const TargetSpec& target);
std::optional<std::string> depthwise_refusal(const ContractionView& view, const TargetSpec& target);
// Whether Winograd's filtering is not possible, or no faster than the direct sum.
std::optional<std::string> winograd_refusal(const ContractionView& view, const TargetSpec& target);
std::optional<std::string> matmul_refusal(const ContractionView& view);

// Only for what the kernel does not refuse.
PanelPacking contract_packing(const ContractionView& view, const TargetSpec& target);
PanelPacking winograd_packing(const ContractionView& view, const TargetSpec& target);
PanelPacking depthwise_packing(const ContractionView& view, const TargetSpec& target);

}  // namespace cnnc::codegen

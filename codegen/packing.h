// Which kernel computes a contraction, and how its weights are packed.
#pragma once
#include <optional>
#include <string>

#include "ir/contraction_view.h"
#include "codegen/target_machine.h"

namespace cnnc::codegen {

// Attributes of the PackPanels node that packs the weights.
struct PanelPacking {
  int64_t groups = 1;
  int64_t nr = 16;
  std::string layout = "OI";
};

// Why the kernel cannot compute it, in one sentence; nothing when it can.
std::optional<std::string> contract_refusal(const ContractionView& view, const TargetSpec& target);
std::optional<std::string> depthwise_refusal(const ContractionView& view, const TargetSpec& target);
// Also where Winograd's filtering would be no faster than the direct sum.
std::optional<std::string> winograd_refusal(const ContractionView& view, const TargetSpec& target);
std::optional<std::string> matmul_refusal(const ContractionView& view);

// Only for what the kernel does not refuse.
PanelPacking contract_packing(const ContractionView& view, const TargetSpec& target);
PanelPacking winograd_packing(const ContractionView& view, const TargetSpec& target);
PanelPacking depthwise_packing(const ContractionView& view, const TargetSpec& target);

}  // namespace cnnc::codegen

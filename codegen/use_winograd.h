// Convolutions by Winograd's filtering (ir/ops/winograd.h).
#pragma once
#include <optional>
#include <string>

#include "codegen/target_machine.h"
#include "ir/graph.h"
#include "passes/pass_manager.h"

namespace cnnc::codegen {

// Why the node, a gradient of weights, is better computed directly, in one sentence; nothing when it is not.
std::optional<std::string> winograd_gradient_refusal(const Node& node, const TargetSpec& target);

// Gives those 3 x 3 convolutions of stride 1 filters at the points, and computes those gradients of weights there, that are
// faster so on the target. The results differ by rounding.
Pass use_winograd(const TargetSpec& target);

}  // namespace cnnc::codegen

// Gradients of weights by Winograd's filtering (ir/ops/winograd.h).
#pragma once
#include <optional>
#include <string>

#include "codegen/target_machine.h"
#include "ir/graph.h"
#include "passes/pass_manager.h"

namespace cnnc::codegen {

// Why the node is no gradient of weights that is computed faster at the points, in one sentence; nothing when it is.
std::optional<std::string> winograd_gradient_refusal(const Node& node, const TargetSpec& target);

// Computes those gradients at the points, and brings them back by a matrix product. They differ by rounding.
Pass winograd_gradients(const TargetSpec& target);

}  // namespace cnnc::codegen

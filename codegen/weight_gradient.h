// Which ConvWeightGradient nodes have a kernel of their own.
#pragma once
#include <optional>
#include <string>

#include "ir/graph.h"

namespace cnnc::codegen {

// Why llvm:weight_gradient cannot compute the node, in one sentence; nothing when it can.
std::optional<std::string> weight_gradient_refusal(const Node& node);

}  // namespace cnnc::codegen

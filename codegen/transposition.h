// Copies that change which elements are neighbours.
#pragma once
#include <optional>
#include <string>

#include "ir/graph.h"

namespace cnnc::codegen {

// Why llvm:transpose cannot compute the node, in one sentence; nothing when it can.
std::optional<std::string> transpose_refusal(const Node& node);

}  // namespace cnnc::codegen

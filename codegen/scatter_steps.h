// ScatterRows as a step of the runtime (runtime/scatter_rows.h).
#pragma once
#include <optional>

#include "codegen/library_call.h"
#include "ir/graph.h"

namespace cnnc::codegen {

inline constexpr const char* kScatterKernel = "runtime:scatter_rows";

// Why this kernel cannot compute the node; nothing when it can.
std::optional<std::string> scatter_refusal(const Node& node);
LibraryCall scatter_call(const Node& node);

}  // namespace cnnc::codegen

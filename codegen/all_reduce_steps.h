// Sums over processes as a kernel family: steps of the runtime (runtime/all_reduce.h).
#pragma once
#include <optional>

#include "codegen/library_call.h"
#include "ir/graph.h"

namespace cnnc::codegen {

inline constexpr const char* kAllReduceKernel = "runtime:all_reduce";

// Why this kernel cannot compute the node; nothing when it can.
std::optional<std::string> all_reduce_refusal(const Node& node);
LibraryCall all_reduce_call(const Node& node);

}  // namespace cnnc::codegen

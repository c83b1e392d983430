// Strings in compiled programs: how constants lie in the weights, and the steps between strings and numbers. All else
// that is done with strings is moving addresses, which the loop kernels do.
#pragma once
#include <optional>
#include <string>

#include "codegen/library_call.h"
#include "ir/graph.h"

namespace cnnc::codegen {

inline constexpr const char* kStringKernel = "runtime:strings";

// Why the node is no step between strings and numbers; nothing when it is one.
std::optional<std::string> string_step_refusal(const Node& node);
LibraryCall string_step_call(const Node& node);

// The bytes of a constant: for each string its offset from the first of these bytes, then the texts with their zero bytes.
Tensor stored_strings(const Tensor& strings);

}  // namespace cnnc::codegen

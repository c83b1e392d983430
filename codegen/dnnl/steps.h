// oneDNN as a kernel family: what its primitives can compute, and their parameters.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "codegen/library_call.h"

namespace cnnc::codegen {

// "dnnl:convolution", "dnnl:matmul", "dnnl:pooling".
bool is_dnnl_kernel(const std::string& kernel);
// Why the primitive cannot compute the node, in one sentence; nothing when it can.
std::optional<std::string> dnnl_refusal(const std::string& kernel, const Node& node);
LibraryCall dnnl_call(const std::string& kernel, const Node& node);

}  // namespace cnnc::codegen

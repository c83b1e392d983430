// oneDNN as a kernel family: what its primitives can compute, and their parameters.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace cnnc::codegen {

// A step that a library computes (runtime/model.h).
struct LibraryCall {
  std::string symbol;             // of the cnnc_library_step
  std::vector<uint8_t> params;    // its parameter blob (runtime/dnnl_params.h)
  std::vector<int> operands;      // the node's operands in the step's order; the output follows
  Dims sizes;
};

// "dnnl:convolution", "dnnl:matmul", "dnnl:pooling".
bool is_dnnl_kernel(const std::string& kernel);
// Why the primitive cannot compute the node, in one sentence; nothing when it can.
std::optional<std::string> dnnl_refusal(const std::string& kernel, const Node& node);
LibraryCall dnnl_call(const std::string& kernel, const Node& node);

}  // namespace cnnc::codegen

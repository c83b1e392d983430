// A node that a library computes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace cnnc::codegen {

// A step that a library computes (runtime/model.h).
struct LibraryCall {
  std::string symbol;           // of the cnnc_library_step
  std::vector<uint8_t> params;  // its parameter blob
  std::vector<int> operands;    // the node's operands in the step's order; the output follows
  Dims sizes;
};

}  // namespace cnnc::codegen

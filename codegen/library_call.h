// A step that a function of the runtime or of a library computes (runtime/model.h), as codegen describes it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ir/type.h"

namespace cnnc::codegen {

struct LibraryCall {
  std::string symbol;           // of the cnnc_library_step
  std::vector<uint8_t> params;  // its parameter blob
  std::vector<int> operands;    // the node's operands in the step's order; the output follows
  Dims sizes;
};

}  // namespace cnnc::codegen

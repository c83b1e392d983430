// A graph with chosen kernels becomes a Program: steps, buffers, constants.
#pragma once
#include "codegen/compile.h"
#include "codegen/object_builder.h"
#include "runtime/program.h"

namespace cnnc::codegen {

struct LoweredProgram {
  Program program;
  Weights weights;
  std::vector<std::string> libraries;  // symbols of library steps
};

// Adds the graph's kernels to `builder` and plans its steps. Every computed node has a `kernel` attribute.
LoweredProgram lower(const Graph& graph, ObjectBuilder& builder);

}  // namespace cnnc::codegen

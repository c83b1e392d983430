// Outputs that update inputs in place.
#pragma once
#include "ir/graph.h"
#include "passes/pass_manager.h"

namespace cnnc::codegen {

// Whether the step that computes the output may write it to the memory of the input that it updates: everything that reads
// the input has run before, or is that step and reads each element only where it writes. Kernels have been chosen.
bool is_in_place(const Graph& graph, size_t output);

// Where that cannot be shown, the output is computed elsewhere and copied at the end of the program.
Pass place_updates();

}  // namespace cnnc::codegen

// What a run of a program takes besides weights, inputs and outputs.
#pragma once
#include <cstdint>

#include "codegen/compile.h"

namespace cnnc::codegen {

// Bytes of a graph on which select_kernels has run: the arena of its values, and scratch memory for every thread of
// `options.memory`.
int64_t working_memory(const Graph& graph, const CompileOptions& options);

}  // namespace cnnc::codegen

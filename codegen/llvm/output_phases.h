// Where a task of some phases of a transposed convolution writes, and which taps of the weights it takes. Without
// phases these are the outputs and taps themselves.
#pragma once

#include "codegen/llvm/contraction.h"

namespace cnnc::codegen {

// The phase of each axis.
using Phase = std::array<llvm::Value*, 3>;

int64_t phase_count(const SpatialAxis& axis);

// Position in the result of output `index`, how many positions there are, and from one output to the next.
llvm::Value* result_position(llvm::IRBuilderBase&, const SpatialAxis& axis, llvm::Value* phase, llvm::Value* index);
llvm::Value* result_positions(llvm::IRBuilderBase&, const SpatialAxis& axis);
int64_t result_step(const SpatialAxis& axis);

// The element of the result at output 0 of all axes.
llvm::Value* first_result(llvm::IRBuilderBase&, const ConvolutionSpec& spec, const Phase& phase);

// The weights hold `tap_size` elements for each tap: those before tap 0 of the phase, and from one of its taps to the
// next along an axis.
llvm::Value* first_weight(llvm::IRBuilderBase&, const ConvolutionSpec& spec, const Phase& phase, int64_t tap_size);
int64_t weight_stride(const ConvolutionSpec& spec, int axis, int64_t tap_size);

}  // namespace cnnc::codegen

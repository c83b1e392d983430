// Copies the input that a task reads into scratch memory: zero borders, evenly spaced pixels.
#pragma once

#include "codegen/llvm/contraction.h"
#include "codegen/llvm/loop_builder.h"

namespace cnnc::codegen {

// A block of [planes][rows][columns][channels]; planes, rows and columns step through the input
// from `first` by `step` and may begin and end outside of it.
struct StagedAxis {
  llvm::Value* first = nullptr;  // input position of index 0, may be negative
  int64_t step = 1;
  llvm::Value* count = nullptr;
  llvm::Value* input_size = nullptr;
  llvm::Value* input_stride = nullptr;
};

struct StagedBlock {
  llvm::Type* element = nullptr;
  int lanes = 1;
  std::array<StagedAxis, 3> axes;
  llvm::Value* input = nullptr;  // position (0, 0, 0), first channel
  llvm::Value* channel_stride = nullptr;
  int64_t channels = 1;
  int64_t pixel_stride = 1;  // elements between staged pixels
  llvm::Value* scratch = nullptr;
};

// Planes and rows outside of the input are left as they are; columns outside become zero.
void emit_staging(llvm::IRBuilderBase&, const StagedBlock&);

}  // namespace cnnc::codegen

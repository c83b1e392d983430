// What an executable keeps: the checked plan and, for the shapes seen last, everything that a run
// needs. executable.cpp makes and queries it, binding.cpp fits it to shapes, run.cpp runs it.
#ifndef RUNTIME_EXECUTABLE_H_
#define RUNTIME_EXECUTABLE_H_

#include "runtime/arena.h"
#include "runtime/array.h"
#include "runtime/cnnc.h"
#include "runtime/error_text.h"
#include "runtime/memory_block.h"
#include "runtime/model.h"
#include "runtime/plan.h"
#include "runtime/run_step.h"
#include "runtime/schedule.h"
#include "runtime/team.h"

namespace cnnc {
// Beyond any machine; keeps sums of sizes away from overflow.
constexpr uint64_t kAddressSpace = UINT64_C(1) << 46;
} // namespace cnnc

// Where a buffer lies: the buffer that has memory of its own, and the offset in it.
struct BufferPlace {
  uint32_t root;
  int64_t offset;
  int64_t bytes;
};

// An operand in the caller's memory; its address is set at every run.
struct BoundaryOperand {
  uint32_t operand;
  bool is_output;
  uint32_t index;
  int64_t offset;
};

// An operand in the slice of a trip; its address is set when the trip begins.
struct SliceOperand {
  uint32_t operand;
  uint32_t loop;      // step
  uint32_t base;      // the operand of the loop step that is sliced
  int64_t stride;     // from one trip's slice to the next one's, in bytes; negative: from the end
  int64_t first;      // where the slice of the first trip begins
  int64_t offset;     // in the slice
};

struct MemoryRange {
  uintptr_t begin, bytes;
};

struct cnnc_executable {
  const cnnc_model* model;
  cnnc::Plan plan;
  int32_t threads;
  cnnc::Team* team;
  bool profile;
  uint64_t max_bytes;
  cnnc::ErrorText error;
  int busy; // atomic

  bool is_bound; // everything below fits symbol_values
  cnnc::Array<int64_t> symbol_values, candidate_symbols;
  cnnc::Array<int64_t> values;
  cnnc::Array<BufferPlace> places;              // per buffer
  cnnc::Array<cnnc::ArenaBuffer> arena_buffers; // per buffer; those without arena memory have 0 bytes
  cnnc::Array<uint32_t> arena_workspace;
  cnnc::Array<const char*> texts;        // elements of all constant strings, in the order of their buffers
  cnnc::Array<void*> args;               // per operand
  // Of inputs, then outputs, now and when they were checked last (overlap.h).
  cnnc::Array<MemoryRange> ranges, checked_ranges;
  cnnc::Array<int64_t> step_sizes;       // per size record
  cnnc::Array<BoundaryOperand> boundary_operands;
  uint32_t boundary_operand_count;
  cnnc::Array<SliceOperand> slice_operands;
  uint32_t slice_operand_count;
  cnnc::Array<cnnc::RunStep> steps;
  cnnc::MemoryBlock arena, scratch;
  int64_t arena_bytes;
  int64_t scratch_stride;
};

namespace cnnc {

// Fits the executable to the shapes of the inputs; does nothing if they are those of the last call.
cnnc_status bind_inputs(cnnc_executable* executable, const cnnc_tensor_view* inputs,
                        int32_t input_count);

// Points the elements of constant strings at their texts, once; needs places. Returns a cnnc_status.
cnnc_status place_texts(cnnc_executable* executable);

// Fits it to given values in candidate_symbols.
cnnc_status bind_symbols(cnnc_executable* executable);

} // namespace cnnc

#endif // RUNTIME_EXECUTABLE_H_

// The serialized form of a Program: a header and arrays of fixed-size little-endian records, used
// in place. `open_plan` checks every index and offset once, so that what runs later need not.
#ifndef RUNTIME_PLAN_H_
#define RUNTIME_PLAN_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/error_text.h"

namespace cnnc {

constexpr uint32_t kNone = 0xffffffffu;
constexpr uint64_t kPlanMagic = 0x4e4c50434e4e43;
constexpr uint32_t kPlanVersion = 4;
constexpr int64_t kArenaAlignment = 64;

// strings: a constant whose elements are stored as offsets, from the first of them, of texts that end with a zero byte.
enum class BufferKind : uint32_t { arena, constant, input, output, view, slice, strings };
enum Access : uint32_t { kRead = 1, kWrite = 2, kReadWrite = 3 };
enum StepFlags : uint32_t { kLibraryStep = 1, kSerialStep = 2, kControlStep = 4 };

// What a control step does; it is the step's `kernel`, and its parameters are a ControlParams. Steps
// run in order but for these.
enum class ControlOp : uint32_t {
  branch, // goes to `target` unless operand 0, a bool, is true
  jump,   // goes to `target`
  loop,   // begins a loop: goes behind `target`, its repeat step, when there is no trip
  repeat, // ends a trip: goes behind `target`, its loop step, when there is another one
};

// Operands of a loop step: the number of the trip, an i64 that it writes; the trip count, an i64,
// where data decides it; the condition, a bool, where there is one; then what slices are taken of.
// Those of a repeat step are what has to live as long as the loop runs.
enum ControlFlags : uint32_t { kTripsOperand = 1, kConditionOperand = 2 };

struct ControlParams {
  uint32_t target;
  uint32_t flags;       // ControlFlags of a loop step
  uint32_t trips_value; // of a loop step: its trip count; kNone: none, or the operand
  uint32_t reserved;
};

// Indices named `*_value` point into the value table that the model's sizes function fills.
struct SymbolRecord {
  uint32_t name;       // offset into strings
  uint32_t defined_by; // kNone: by an input's shape; else the step that defines it while running
};

struct DimRecord {
  uint32_t value;
  uint32_t symbol; // the symbol this dimension is exactly, or kNone
  int64_t fixed;   // its size, or -1 where that depends on symbols
  uint32_t text;
  uint32_t reserved;
};

struct TensorRecord {
  uint32_t name;
  int32_t dtype; // cnnc_dtype
  uint32_t first_dim;
  uint32_t rank;
  uint32_t updates; // output: the input whose memory it takes over; kNone: it has its own
};

struct BufferRecord {
  BufferKind kind;
  uint32_t bytes_value;
  uint32_t first_step; // live range, both inclusive
  uint32_t last_step;
  uint32_t base;         // view, slice: the buffer viewed. input, output: its index among those
  uint32_t offset_value; // view: byte offset into `base`. slice: 1 when it runs from the end
  uint64_t offset;       // constant, strings: byte offset into the weights. slice: the loop step it follows
};

// What must hold for the sizes of a run: the value is 0.
struct ConditionRecord {
  uint32_t value;
  uint32_t text; // "batch = n", for the message
};

struct OperandRecord {
  uint32_t buffer;
  uint32_t access; // Access
};

struct StepRecord {
  uint32_t kernel; // index into the model's kernels, or libraries for a library step
  uint32_t flags;  // StepFlags
  uint32_t first_operand;
  uint32_t operand_count;
  uint32_t first_size;
  uint32_t size_count;
  uint32_t tasks_value;
  uint32_t scratch_value; // bytes per thread; kNone: no scratch
  uint32_t params_offset;
  uint32_t params_bytes;
  uint32_t name;
  uint32_t kernel_name;
  uint32_t sources;
  uint32_t flops_value; // cost of one run; kNone: not known
  uint32_t bytes_value;
  uint32_t reserved;
};

template <typename T>
struct Records {
  const T* data;
  uint32_t count;
  const T& operator[](uint32_t i) const { return data[i]; }
  const T* begin() const { return data; }
  const T* end() const { return data + count; }
};

struct PlanSection {
  uint32_t offset; // from the start of the plan, a multiple of 8
  uint32_t count;  // records
};

struct PlanHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t value_count;
  uint32_t threads; // of an executable that is not told how many; 0: what the machine grants
  uint32_t reserved;
  uint64_t bytes;    // of the whole plan
  uint64_t checksum; // of the plan with this field zero
  PlanSection symbols, inputs, outputs, dims, buffers, steps, operands, sizes, params, strings,
      conditions;
};

// A checked plan; points into the blob.
struct Plan {
  Records<SymbolRecord> symbols;
  Records<TensorRecord> inputs;
  Records<TensorRecord> outputs;
  Records<DimRecord> dims;
  Records<BufferRecord> buffers;
  Records<StepRecord> steps;
  Records<OperandRecord> operands;
  Records<uint32_t> sizes; // value indices that steps pass to their kernels
  Records<uint8_t> params;
  Records<char> strings;
  Records<ConditionRecord> conditions;
  uint32_t value_count;
  uint32_t threads;

  const char* text(uint32_t offset) const { return strings.data + offset; }
};

// What a plan may refer to outside itself.
struct PlanLimits {
  uint64_t weights_bytes;
  uint64_t kernel_count;
  uint64_t library_count;
};

// Checks the blob (8-byte aligned) and fills `plan`; false with a message if it is damaged.
bool open_plan(const void* blob, size_t bytes, const PlanLimits& limits, Plan* plan,
               ErrorText* error);

uint64_t plan_checksum(const void* data, size_t bytes);

} // namespace cnnc

#endif // RUNTIME_PLAN_H_

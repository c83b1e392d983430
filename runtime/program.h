// A Program is a compiled model without its machine code: buffers, steps and the sizes they need.
// Codegen fills one in and serializes it into the object file (runtime/plan.h describes the form);
// JIT and executables read it back from there. Only the compiler uses this header.
#ifndef RUNTIME_PROGRAM_H_
#define RUNTIME_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/plan.h"

namespace cnnc {

struct ProgramSymbol {
  std::string name;
  uint32_t defined_by = kNone;
};

struct ProgramDim {
  uint32_t value = 0;      // index into the value table
  uint32_t symbol = kNone; // set when the dimension is exactly a symbol
  std::string text;        // "224", "batch", "2*n+1"
  int64_t fixed = -1;      // its size, where that depends on no symbol
};

struct ProgramTensor {
  std::string name;
  int32_t dtype = 0; // cnnc_dtype, numbered as in ONNX
  std::vector<ProgramDim> dims;
  uint32_t updates = kNone; // output: the input whose memory it takes over
};

// Checked when sizes are bound: the value is 0.
struct ProgramCondition {
  uint32_t value = 0;
  std::string text;
};

struct ProgramBuffer {
  BufferKind kind = BufferKind::arena;
  uint32_t bytes_value = 0;
  uint32_t first_step = 0; // of an arena buffer's own uses; views extend their base by themselves
  uint32_t last_step = 0;
  uint32_t base = 0;         // view, slice: buffer viewed. input, output: its index among those
  uint32_t offset_value = 0; // view: byte offset into base. slice: 1 when it runs from the end
  uint64_t offset = 0;       // constant, strings: byte offset into the weights, a multiple of 64. slice: its loop step
};

struct ProgramStep {
  std::string name;        // unique in the program
  std::string kernel_name; // "llvm:contract"
  std::string sources;     // names of source nodes, one a line
  uint32_t kernel = 0;
  uint32_t flags = 0;
  std::vector<OperandRecord> operands;
  std::vector<uint32_t> sizes;
  uint32_t tasks_value = 0;
  uint32_t scratch_value = kNone;
  std::vector<uint8_t> params;
  uint32_t flops_value = kNone;
  uint32_t bytes_value = kNone;
};

struct Program {
  std::vector<ProgramSymbol> symbols;
  std::vector<ProgramTensor> inputs;
  std::vector<ProgramTensor> outputs;
  std::vector<ProgramCondition> conditions;
  std::vector<ProgramBuffer> buffers;
  std::vector<ProgramStep> steps;
  uint32_t value_count = 0;
  uint32_t threads = 0; // by default; 0: what the machine grants
};

// The bytes for `cnnc_model::plan`. They must be placed at an address that is a multiple of 8.
std::vector<uint8_t> serialize(const Program& program);

} // namespace cnnc

#endif // RUNTIME_PROGRAM_H_

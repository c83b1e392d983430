#include "codegen/working_memory.h"

#include <algorithm>
#include <vector>

#include "codegen/lower.h"
#include "runtime/arena.h"

namespace cnnc::codegen {

namespace {

// The values of a program as they lie in its arena (runtime/binding.cpp).
class Arena {
 public:
  Arena(const Program& program, const std::vector<int64_t>& values) : program_(program) {
    for (const ProgramBuffer& b : program.buffers) {
      const bool own = b.kind == BufferKind::arena;
      buffers_.push_back({own ? values[b.bytes_value] : 0, b.first_step, b.last_step, 0});
    }
    for (uint32_t s = 0; s < program.steps.size(); ++s)
      for (const OperandRecord& operand : program.steps[s].operands) extend(operand.buffer, s);
  }

  int64_t bytes() {
    std::vector<uint32_t> workspace(2 * buffers_.size());
    return plan_arena(buffers_.data(), static_cast<uint32_t>(buffers_.size()), INT64_MAX / 2, workspace.data());
  }

 private:
  // A slice keeps alive what it is taken of.
  void extend(uint32_t buffer, uint32_t step) {
    buffers_[buffer].first_step = std::min(buffers_[buffer].first_step, step);
    buffers_[buffer].last_step = std::max(buffers_[buffer].last_step, step);
    if (program_.buffers[buffer].kind == BufferKind::slice) extend(program_.buffers[buffer].base, step);
  }

  const Program& program_;
  std::vector<ArenaBuffer> buffers_;
};

}  // namespace

int64_t working_memory(const Graph& graph, const CompileOptions& options) {
  ObjectBuilder builder(options.target, graph.symbols(), {});
  const Program program = lower(graph, builder).program;
  const std::vector<int64_t> values = builder.evaluate(options.memory.sizes);
  int64_t scratch = 0;
  for (const ProgramStep& step : program.steps)
    if (step.scratch_value != kNone) scratch = std::max(scratch, values[step.scratch_value]);
  return Arena(program, values).bytes() + scratch_stride(scratch) * options.memory.threads;
}

}  // namespace cnnc::codegen

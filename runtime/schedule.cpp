#include "runtime/schedule.h"

namespace cnnc {
namespace {

// Rough rates of one core, only good enough to tell a microsecond from a hundred.
constexpr int64_t kFlopsPerNanosecond = 32;
constexpr int64_t kBytesPerNanosecond = 8;

bool worth_splitting(const StepRecord& step, const int64_t* values, int64_t tasks) {
  if (tasks <= 1 || (step.flags & kSerialStep)) return false;
  if (step.flops_value == kNone && step.bytes_value == kNone) return true;
  const int64_t flops = step.flops_value == kNone ? 0 : values[step.flops_value];
  const int64_t bytes = step.bytes_value == kNone ? 0 : values[step.bytes_value];
  return flops / kFlopsPerNanosecond >= kSplitNanoseconds ||
         bytes / kBytesPerNanosecond >= kSplitNanoseconds;
}

StepMode mode_of(const StepRecord& step, const int64_t* values, int64_t tasks) {
  if (step.flags & kLibraryStep) return StepMode::library;
  return worth_splitting(step, values, tasks) ? StepMode::split : StepMode::single;
}

bool conflicts(const MemoryRange& a, const MemoryRange& b) {
  return (a.written || b.written) && a.space == b.space && a.begin < b.end && b.begin < a.end;
}

bool steps_conflict(const StepRecord& a, const StepRecord& b, const MemoryRange* ranges) {
  for (uint32_t i = 0; i < a.operand_count; ++i) {
    for (uint32_t j = 0; j < b.operand_count; ++j) {
      if (conflicts(ranges[a.first_operand + i], ranges[b.first_operand + j])) return true;
    }
  }
  return false;
}

// Single steps run on one thread in order, so only a pair with a split step needs a barrier.
bool needs_barrier(const Plan& plan, const MemoryRange* ranges, const RunStep* steps,
                   uint32_t group_begin, uint32_t index) {
  for (uint32_t i = group_begin; i < index; ++i) {
    if (steps[i].mode == StepMode::single && steps[index].mode == StepMode::single) continue;
    if (steps_conflict(plan.steps[i], plan.steps[index], ranges)) return true;
  }
  return false;
}

// Keeps the search for conflicts linear in the number of steps.
constexpr uint32_t kMaxGroup = 64;

} // namespace

void schedule(const Plan& plan, const int64_t* values, const MemoryRange* ranges, RunStep* steps) {
  uint32_t group_begin = 0;
  for (uint32_t i = 0; i < plan.steps.count; ++i) {
    steps[i].mode = mode_of(plan.steps[i], values, steps[i].tasks);
    steps[i].barrier_before = false;
    if (steps[i].mode == StepMode::library) { // the region ends here, which is a barrier
      group_begin = i + 1;
    } else if (i - group_begin >= kMaxGroup ||
               needs_barrier(plan, ranges, steps, group_begin, i)) {
      steps[i].barrier_before = true;
      group_begin = i;
    }
  }
}

} // namespace cnnc

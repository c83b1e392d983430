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
  if (step.flags & kControlStep) return StepMode::control;
  if (step.flags & kLibraryStep) return StepMode::library;
  return worth_splitting(step, values, tasks) ? StepMode::split : StepMode::single;
}

} // namespace

void schedule(const Plan& plan, const int64_t* values, RunStep* steps) {
  for (uint32_t i = 0; i < plan.steps.count; ++i)
    steps[i].mode = mode_of(plan.steps[i], values, steps[i].tasks);
}

} // namespace cnnc

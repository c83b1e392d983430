// Decides which steps the team shares and where it must wait: a barrier stands only between steps
// that touch the same memory.
#ifndef RUNTIME_SCHEDULE_H_
#define RUNTIME_SCHEDULE_H_

#include "runtime/plan.h"
#include "runtime/run_step.h"

namespace cnnc {

// Memory that an operand touches. Bytes of different spaces never overlap.
struct MemoryRange {
  uint32_t space; // kReadOnlySpace, kArenaSpace, or kFirstOutputSpace + index of the output
  bool written;
  int64_t begin, end;
};
constexpr uint32_t kReadOnlySpace = 0, kArenaSpace = 1, kFirstOutputSpace = 2;

// Steps whose estimated time is below this are not worth a second barrier.
constexpr int64_t kSplitNanoseconds = 2000;

// Sets mode and barrier_before of every step. `ranges` has one entry per operand record of the
// plan; `values` is the evaluated value table.
void schedule(const Plan& plan, const int64_t* values, const MemoryRange* ranges, RunStep* steps);

} // namespace cnnc

#endif // RUNTIME_SCHEDULE_H_

// The thread team: runs the steps of a program in as few parallel regions as possible.
#ifndef RUNTIME_TEAM_H_
#define RUNTIME_TEAM_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/run_step.h"

namespace cnnc {

struct Team {
  int32_t threads;
  char* scratch; // threads * scratch_stride bytes
  size_t scratch_stride;
};

// Runs all steps in order. Tasks are split into equal contiguous parts, and kernels compute a task
// alike in whichever part it falls, so the results do not depend on the number of threads. With one
// thread OpenMP is never called. Returns the index of a library step that failed, or -1.
int64_t run_steps(const Team& team, RunStep* steps, uint32_t count);

// The same with every step timed by itself.
int64_t run_steps_timed(const Team& team, RunStep* steps, uint32_t count);

// Nanoseconds on the monotonic clock.
int64_t now_ns();

} // namespace cnnc

#endif // RUNTIME_TEAM_H_

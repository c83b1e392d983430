#include "runtime/team.h"

#include <omp.h>
#include <time.h>

namespace cnnc {
namespace {

void run_tasks(const RunStep& step, int64_t begin, int64_t end, void* scratch) {
  if (begin < end) step.kernel(step.args, step.sizes, begin, end, scratch);
}

// tasks * thread / threads without overflow.
int64_t part(int64_t tasks, int32_t thread, int32_t threads) {
  return tasks / threads * thread + tasks % threads * thread / threads;
}

void run_as_member(const Team& team, const RunStep* steps, uint32_t count) {
  const int32_t thread = omp_get_thread_num();
  const int32_t threads = omp_get_num_threads();
  char* scratch = team.scratch + static_cast<size_t>(thread) * team.scratch_stride;
  for (uint32_t i = 0; i < count; ++i) {
    const RunStep& step = steps[i];
    if (step.barrier_before && i > 0) {
#pragma omp barrier
    }
    if (step.mode == StepMode::split) {
      run_tasks(step, part(step.tasks, thread, threads), part(step.tasks, thread + 1, threads),
                scratch);
    } else if (thread == 0) {
      run_tasks(step, 0, step.tasks, scratch);
    }
  }
}

void run_alone(const Team& team, const RunStep* steps, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) run_tasks(steps[i], 0, steps[i].tasks, team.scratch);
}

bool has_split_step(const RunStep* steps, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (steps[i].mode == StepMode::split) return true;
  }
  return false;
}

void run_kernels(const Team& team, const RunStep* steps, uint32_t count) {
  if (team.threads == 1 || !has_split_step(steps, count)) {
    run_alone(team, steps, count);
    return;
  }
#pragma omp parallel num_threads(team.threads)
  run_as_member(team, steps, count);
}

uint32_t end_of_kernels(const RunStep* steps, uint32_t begin, uint32_t count) {
  uint32_t end = begin;
  while (end < count && steps[end].mode != StepMode::library) ++end;
  return end;
}

} // namespace

int64_t run_steps(const Team& team, RunStep* steps, uint32_t count) {
  for (uint32_t i = 0; i < count;) {
    if (steps[i].mode == StepMode::library) {
      if (steps[i].library->run(steps[i].state, steps[i].args)) return i;
      ++i;
      continue;
    }
    const uint32_t end = end_of_kernels(steps, i, count);
    run_kernels(team, steps + i, end - i);
    i = end;
  }
  return -1;
}

int64_t run_steps_timed(const Team& team, RunStep* steps, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const int64_t start = now_ns();
    if (run_steps(team, steps + i, 1) >= 0) return i;
    steps[i].nanoseconds += static_cast<uint64_t>(now_ns() - start);
    ++steps[i].calls;
  }
  return -1;
}

int64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

} // namespace cnnc

// The thread team: the threads of one executable, and how they share the tasks of a step.
#ifndef RUNTIME_TEAM_H_
#define RUNTIME_TEAM_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/run_step.h"

namespace cnnc {

// A step's tasks are dealt to the threads in equal contiguous parts, so that a thread finds in its cache what it wrote in
// the step before; each part is cut in chunks, and a thread that has finished its own takes chunks of others. Nobody ever
// waits for a thread that has taken nothing: on a busy machine, where a thread may not be running at all, the others do
// its work. Kernels compute a task alike wherever it runs, so results do not depend on threads.
struct Team;

// The calling thread is one of `threads`; the others are started here and sleep until there is work. With fewer threads
// than asked for when the system gives no more; null when memory is short. With `flush_denormals` all of them count
// denormal numbers as 0 while they run steps.
Team* create_team(int32_t threads, bool flush_denormals);
void destroy_team(Team* team); // null is allowed

struct Scratch {
  char* data; // threads * stride bytes
  size_t stride;
};

// Runs all steps in order. Returns the index of a library step that failed, or -1. Allocates nothing.
int64_t run_steps(Team* team, Scratch scratch, RunStep* steps, uint32_t count);

// The same with every step timed by itself.
int64_t run_steps_timed(Team* team, Scratch scratch, RunStep* steps, uint32_t count);

// Nanoseconds on the monotonic clock.
int64_t now_ns();

} // namespace cnnc

#endif // RUNTIME_TEAM_H_

// Decides which steps the team shares.
#ifndef RUNTIME_SCHEDULE_H_
#define RUNTIME_SCHEDULE_H_

#include "runtime/plan.h"
#include "runtime/run_step.h"

namespace cnnc {

// Steps whose estimated time is below this are not worth waking anybody.
constexpr int64_t kSplitNanoseconds = 2000;

// Sets the mode of every step. `values` is the evaluated value table.
void schedule(const Plan& plan, const int64_t* values, RunStep* steps);

} // namespace cnnc

#endif // RUNTIME_SCHEDULE_H_

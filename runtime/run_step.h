// A step ready to run: addresses and sizes are known, and how the thread team shares it.
#ifndef RUNTIME_RUN_STEP_H_
#define RUNTIME_RUN_STEP_H_

#include <stdint.h>

#include "runtime/model.h"

namespace cnnc {

enum class StepMode : uint8_t {
  single,  // one thread computes all tasks
  split,   // every thread computes its part of the tasks
  library, // a library computes it, with the team at rest
  control, // tells which step is next
};

struct RunStep {
  StepMode mode;
  cnnc_kernel kernel;
  const cnnc_library_step* library;
  void* state; // the library step's
  void** args;
  const int64_t* sizes;
  int64_t tasks; // of a loop step: the number of trips
  int64_t trip;  // of a loop step: the trip that it is on
  uint64_t calls; // profile
  uint64_t nanoseconds;
};

} // namespace cnnc

#endif // RUNTIME_RUN_STEP_H_

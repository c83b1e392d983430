// Steps that tell which step is next: branches and loops.
#ifndef RUNTIME_CONTROL_H_
#define RUNTIME_CONTROL_H_

#include "runtime/executable.h"
#include "runtime/team.h"

namespace cnnc {

// Runs the program's steps from the first on, as control steps say. Returns the index of a library
// step that failed, or -1. Allocates nothing.
int64_t run_all_steps(cnnc_executable* exe, Scratch scratch);

} // namespace cnnc

#endif // RUNTIME_CONTROL_H_

// What a compiled executable does with its command line.
#ifndef RUNTIME_EXECUTABLE_MAIN_H_
#define RUNTIME_EXECUTABLE_MAIN_H_

#include "runtime/model.h"

namespace cnnc {

// Runs the model as the arguments say and returns the process's exit code (runtime/exit_code.h).
int executable_main(const struct cnnc_model* model, int argc, char** argv);

} // namespace cnnc

#endif // RUNTIME_EXECUTABLE_MAIN_H_

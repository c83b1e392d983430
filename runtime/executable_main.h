// What a compiled executable does with its command line.
#ifndef RUNTIME_EXECUTABLE_MAIN_H_
#define RUNTIME_EXECUTABLE_MAIN_H_

#include "runtime/error_text.h"
#include "runtime/exit_code.h"
#include "runtime/model.h"

namespace cnnc {

// Runs the model as the arguments say and returns the process's exit code (runtime/exit_code.h).
int executable_main(const struct cnnc_model* model, int argc, char** argv);

// The end of a main(): flushes standard output, prints the message of a failure, returns the code.
int report_exit(ExitCode code, ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_EXECUTABLE_MAIN_H_

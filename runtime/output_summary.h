// What a person wants to see of outputs and of the profile on a terminal.
#ifndef RUNTIME_OUTPUT_SUMMARY_H_
#define RUNTIME_OUTPUT_SUMMARY_H_

#include <stdio.h>

#include "runtime/cnnc.h"
#include "runtime/host_tensor.h"

namespace cnnc {

// Name, type and the values of a small tensor, or the five largest of the first row of a large one.
void print_summary(FILE* file, const char* name, const HostTensor& tensor);

// One line per step: share of the time, microseconds per run, kernel, source nodes.
void print_profile(FILE* file, const cnnc_executable* executable);

// An element as a double; NaN for types that have no such value.
double element_value(int32_t dtype, const void* data, int64_t index);

} // namespace cnnc

#endif // RUNTIME_OUTPUT_SUMMARY_H_

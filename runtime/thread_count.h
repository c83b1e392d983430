// How many threads a process should use by itself.
#ifndef RUNTIME_THREAD_COUNT_H_
#define RUNTIME_THREAD_COUNT_H_

#include <stdint.h>

namespace cnnc {

constexpr int32_t kMaxThreads = 1024;

// OMP_NUM_THREADS if set; else the CPUs in the affinity mask, or fewer if the control group's CPU
// quota grants less.
int32_t default_thread_count();

// The CPU quota in "<quota> <period>" (or "max <period>"), rounded up; 0 for no limit.
int32_t cpus_of_quota(const char* cpu_max);

} // namespace cnnc

#endif // RUNTIME_THREAD_COUNT_H_

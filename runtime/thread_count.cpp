#include "runtime/thread_count.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace cnnc {
namespace {

int32_t clamp(long count) {
  if (count < 1) return 1;
  return count > kMaxThreads ? kMaxThreads : static_cast<int32_t>(count);
}

bool read_text(const char* path, char* text, size_t bytes) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t got = read(file, text, bytes - 1);
  close(file);
  text[got > 0 ? got : 0] = 0;
  return got > 0;
}

int32_t affinity_count() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return clamp(CPU_COUNT(&set));
  return clamp(sysconf(_SC_NPROCESSORS_ONLN));
}

// The tightest quota from the process's group up to the root (cgroup version 2).
int32_t unified_quota() {
  char groups[4096];
  if (!read_text("/proc/self/cgroup", groups, sizeof groups)) return 0;
  char* line = strstr(groups, "0::/");
  if (!line) return 0;
  char* group = line + 3;
  group[strcspn(group, "\n")] = 0;
  int32_t tightest = 0;
  for (;;) {
    char path[4200], text[64];
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
    const int32_t cpus = read_text(path, text, sizeof text) ? cpus_of_quota(text) : 0;
    if (cpus && (!tightest || cpus < tightest)) tightest = cpus;
    char* slash = strrchr(group, '/');
    if (!slash) return tightest;
    *slash = 0;
  }
}

// cgroup version 1, as a container sees its own group.
int32_t legacy_quota() {
  char quota[32], period[32], both[64];
  if (!read_text("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota, sizeof quota)) return 0;
  if (!read_text("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, sizeof period)) return 0;
  snprintf(both, sizeof both, "%ld %ld", atol(quota), atol(period));
  return cpus_of_quota(both);
}

} // namespace

int32_t cpus_of_quota(const char* cpu_max) {
  long quota = 0, period = 0;
  if (sscanf(cpu_max, "%ld %ld", &quota, &period) != 2 || quota <= 0 || period <= 0) return 0;
  return clamp(quota / period + (quota % period != 0));
}

int32_t default_thread_count() {
  const char* wanted = getenv("OMP_NUM_THREADS");
  if (wanted && atol(wanted) > 0) return clamp(atol(wanted));
  const int32_t cpus = affinity_count();
  int32_t quota = unified_quota();
  if (!quota) quota = legacy_quota();
  return quota && quota < cpus ? quota : cpus;
}

} // namespace cnnc

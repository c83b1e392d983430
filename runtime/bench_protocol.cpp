#include "runtime/bench_protocol.h"

#include <stdio.h>
#include <string.h>

#include "runtime/team.h"

namespace cnnc {
namespace {

// Bounds the memory that one `run W K` line can ask for.
constexpr int64_t kMaxRepeat = 100'000'000;

class Bench {
 public:
  Bench(TensorSet* tensors, const BenchOptions& options, ErrorText* error)
      : tensors_(*tensors), options_(options), error_(*error) {}

  ExitCode json() {
    ExitCode code = run_first();
    if (code == kExitOk) code = measure(options_.warmup, options_.repeat);
    if (code == kExitOk) code = save();
    if (code != kExitOk) return code;
    print_latencies();
    printf(",\"load_ns\":%lld,\"compile_ns\":%lld,\"first_ns\":%lld,\"version\":\"%s\","
           "\"precision\":\"%s\"}\n",
           static_cast<long long>(options_.load_ns), static_cast<long long>(options_.compile_ns),
           static_cast<long long>(first_ns_), CNNC_VERSION, options_.precision);
    return flush();
  }

  ExitCode serve() {
    ExitCode code = run_first();
    if (code == kExitOk) code = save();
    if (code != kExitOk) return code;
    printf("{\"event\":\"ready\",\"load_ns\":%lld,\"compile_ns\":%lld,\"first_ns\":%lld,"
           "\"version\":\"%s\"}\n",
           static_cast<long long>(options_.load_ns), static_cast<long long>(options_.compile_ns),
           static_cast<long long>(first_ns_), CNNC_VERSION);
    code = flush();
    char line[256];
    while (code == kExitOk && fgets(line, sizeof line, stdin)) {
      if (!strcmp(line, "quit\n") || !strcmp(line, "quit")) return kExitOk;
      code = obey(line);
    }
    return code;
  }

 private:
  ExitCode obey(const char* line) {
    long long warmup, repeat;
    if (sscanf(line, "run %lld %lld", &warmup, &repeat) != 2) {
      error_.set("unknown request '%s'; known are 'run WARMUP REPEAT' and 'quit'", line);
      return kExitUsage;
    }
    const ExitCode code = measure(warmup, repeat);
    if (code != kExitOk) return code;
    print_latencies();
    printf("}\n");
    return flush();
  }

  ExitCode run_once(int64_t* nanoseconds) {
    const int64_t start = now_ns();
    const cnnc_status status = tensors_.run();
    *nanoseconds = now_ns() - start;
    if (status != CNNC_OK) error_.set("%s", cnnc_last_error(tensors_.executable()));
    return exit_code(status);
  }

  ExitCode run_first() { return run_once(&first_ns_); }

  ExitCode measure(int64_t warmup, int64_t repeat) {
    if (warmup < 0 || repeat < 0 || repeat > kMaxRepeat) {
      error_.set("the number of iterations must lie between 0 and %lld",
                 static_cast<long long>(kMaxRepeat));
      return kExitUsage;
    }
    if (!latencies_.allocate(static_cast<size_t>(repeat))) {
      error_.set("out of memory for %lld latencies", static_cast<long long>(repeat));
      return kExitLimit;
    }
    int64_t ignored;
    ExitCode code = kExitOk;
    for (int64_t i = 0; i < warmup && code == kExitOk; ++i) code = run_once(&ignored);
    for (int64_t& latency : latencies_) {
      if (code == kExitOk) code = run_once(&latency);
    }
    return code;
  }

  void print_latencies() {
    printf("{\"latency_ns\":[");
    for (size_t i = 0; i < latencies_.size(); ++i) {
      printf("%s%lld", i ? "," : "", static_cast<long long>(latencies_[i]));
    }
    printf("]");
  }

  ExitCode flush() {
    if (fflush(stdout) == 0) return kExitOk;
    error_.set("cannot write to standard output");
    return kExitFile;
  }

  ExitCode save() {
    if (!options_.outputs) return kExitOk;
    return tensors_.save_outputs(options_.outputs, options_.format, &error_);
  }

  TensorSet& tensors_;
  const BenchOptions& options_;
  ErrorText& error_;
  Array<int64_t> latencies_;
  int64_t first_ns_ = 0;
};

} // namespace

ExitCode run_bench(TensorSet* tensors, const BenchOptions& options, ErrorText* error) {
  Bench bench(tensors, options, error);
  return options.serve ? bench.serve() : bench.json();
}

} // namespace cnnc

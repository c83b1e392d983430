// The benchmark protocol that `cnnc bench` and compiled executables share: latencies as JSON lines
// on standard output, once (--json) or on request (--serve). Standard output carries nothing else.
#ifndef RUNTIME_BENCH_PROTOCOL_H_
#define RUNTIME_BENCH_PROTOCOL_H_

#include <stdint.h>

#include "runtime/exit_code.h"
#include "runtime/tensor_set.h"

namespace cnnc {

struct BenchOptions {
  bool serve = false;
  int64_t warmup = 1; // untimed iterations before the timed ones
  int64_t repeat = 10;
  int64_t load_ns = 0;    // reading and importing the model
  int64_t compile_ns = 0; // passes, code generation, weight packing
  const char* precision = "f32";
  const char* outputs = nullptr; // directory for the outputs, or NULL
  const char* format = "pb";
};

// Runs the protocol on loaded inputs. On failure `error` tells why.
ExitCode run_bench(TensorSet* tensors, const BenchOptions& options, ErrorText* error);

} // namespace cnnc

#endif // RUNTIME_BENCH_PROTOCOL_H_

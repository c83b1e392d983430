// The binary interface between the object file that codegen makes and the runtime: one symbol,
// `cnnc_model`, of the struct below. Plain data, so that code generators can emit it field by field.
#ifndef RUNTIME_MODEL_H_
#define RUNTIME_MODEL_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CNNC_MODEL_MAGIC UINT64_C(0x4c444f4d434e4e43) /* "CNNCMODL" in memory */
#define CNNC_MODEL_ABI 1u

// Computes the tasks [begin, end) of a step. Operands in the arena and constants are aligned to 64
// bytes, the caller's inputs and outputs (and views) only to their element type. `scratch` is the
// running thread's own and aligned to 64.
typedef void (*cnnc_kernel)(void* const* args, const int64_t* sizes, int64_t begin, int64_t end,
                            void* scratch);

// Evaluates every size expression of the program: symbols' values in, the value table out.
typedef void (*cnnc_sizes)(const int64_t* symbols, int64_t* values);

// What a library step is told when it is prepared for given sizes.
struct cnnc_library_call {
  const void* params; // the step's parameter blob
  size_t params_bytes;
  const int64_t* sizes; // the step's evaluated sizes
  uint32_t size_count;
  uint32_t arg_count;
  void* const* constants; // per operand: the address of a constant, NULL for what a run computes
  int32_t threads;
  char* error; // message when prepare fails
  size_t error_bytes;
};

// A step that a library computes; it runs outside the runtime's parallel region. Library steps are
// referred to by symbol from the object file, so a program without them links no library code.
struct cnnc_library_step {
  const char* name;
  // Called when the executable is made or its sizes change. *state is NULL the first time and what
  // the last call left there afterwards. Both return 0 or a cnnc_status.
  int (*prepare)(const struct cnnc_library_call* call, void** state);
  int (*run)(void* state, void* const* args);
  void (*release)(void* state);
};

struct cnnc_model {
  uint64_t magic;
  uint32_t abi_version;
  uint32_t kernel_count;
  const void* plan; // serialized Program (runtime/plan.h), aligned to 8
  uint64_t plan_bytes;
  const cnnc_kernel* kernels;
  const struct cnnc_library_step* const* libraries;
  uint64_t library_count;
  cnnc_sizes sizes;
  const void* weights; // aligned to 64; all constants of the program
  uint64_t weights_bytes;
  uint64_t cpu_features; // bits of runtime/cpu_features.h that the kernels need
};

#ifdef __cplusplus
}
#endif

#endif // RUNTIME_MODEL_H_

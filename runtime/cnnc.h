/* The C interface of a compiled model: create an executable from it, ask for its inputs and
 * outputs, run it. Plain C11, usable from C++. No function throws, exits or prints.
 *
 *   extern const struct cnnc_model cnnc_model;        // in the object that cnnc made
 *
 *   cnnc_executable* exe;
 *   if (cnnc_create(&cnnc_model, NULL, &exe) != CNNC_OK) ...
 *   cnnc_tensor_view in = {.data = pixels, .bytes = sizeof pixels, .dtype = CNNC_FLOAT,
 *                          .rank = 4, .dims = {1, 3, 224, 224}};
 *   cnnc_tensor_view out = {.data = scores, .bytes = sizeof scores};
 *   if (cnnc_run(exe, &in, 1, &out, 1) != CNNC_OK) puts(cnnc_last_error(exe));
 *   cnnc_destroy(exe);
 *
 * An executable serves one run at a time: a second thread that calls it meanwhile gets CNNC_BUSY.
 * Executables made from one model are independent and share its weights. */
#ifndef CNNC_H_
#define CNNC_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CNNC_VERSION "0.1.0"

#define CNNC_API __attribute__((visibility("default")))

/* No tensor that crosses this interface has more dimensions. */
#define CNNC_MAX_RANK 32

typedef enum cnnc_status {
  CNNC_OK = 0,
  CNNC_INVALID_ARGUMENT = 1, /* an input, output or option does not fit the model */
  CNNC_INVALID_MODEL = 2,    /* the compiled model is damaged or of another version */
  CNNC_UNSUPPORTED_CPU = 3,  /* this CPU lacks an instruction set the model was compiled for */
  CNNC_OUT_OF_MEMORY = 4,    /* memory is short, or the stated limit would be passed */
  CNNC_BUSY = 5,             /* another thread is running this executable */
  CNNC_IO_ERROR = 6,         /* a file cannot be read or written */
  CNNC_LIBRARY_ERROR = 7     /* a library that the model uses is missing or refused a step */
} cnnc_status;

/* Element types, numbered as ONNX numbers them. */
typedef enum cnnc_dtype {
  CNNC_UNDEFINED = 0,
  CNNC_FLOAT = 1,
  CNNC_UINT8 = 2,
  CNNC_INT8 = 3,
  CNNC_UINT16 = 4,
  CNNC_INT16 = 5,
  CNNC_INT32 = 6,
  CNNC_INT64 = 7,
  CNNC_STRING = 8, /* a const char*, see below */
  CNNC_BOOL = 9,
  CNNC_FLOAT16 = 10,
  CNNC_DOUBLE = 11,
  CNNC_UINT32 = 12,
  CNNC_UINT64 = 13,
  CNNC_COMPLEX64 = 14,
  CNNC_COMPLEX128 = 15,
  CNNC_BFLOAT16 = 16,
  CNNC_FLOAT8E4M3FN = 17,
  CNNC_FLOAT8E4M3FNUZ = 18,
  CNNC_FLOAT8E5M2 = 19,
  CNNC_FLOAT8E5M2FNUZ = 20,
  CNNC_UINT4 = 21,
  CNNC_INT4 = 22,
  CNNC_FLOAT4E2M1 = 23,
  CNNC_FLOAT8E8M0 = 24,
  CNNC_UINT2 = 25,
  CNNC_INT2 = 26
} cnnc_dtype;

/* An element of a CNNC_STRING tensor is a const char*: UTF-8 text that ends with a zero byte. Those of an input are
 * not NULL and stay the caller's. Those of an output may lie in the inputs' texts and in the executable: they are to be
 * read or copied before the next run, the end of the executable or a change of the inputs. */

/* Bits that one element takes in memory; 0 for a type that does not exist. Elements of 4 and 2 bits are not packed:
 * each takes a byte, with the code of a CNNC_FLOAT4E2M1 in the low bits and the value of an integer as a uint8_t or
 * int8_t. An input's bytes must hold such values. (Files are packed as ONNX packs them.) */
CNNC_API uint32_t cnnc_dtype_bits(int32_t dtype);
/* "f32", "i64", "bf16"...; "?" for a type that does not exist. */
CNNC_API const char* cnnc_dtype_name(int32_t dtype);

/* What `cnnc compile` made; defined by the object file. */
struct cnnc_model;

typedef struct cnnc_executable cnnc_executable;

typedef struct cnnc_options {
  int32_t threads;    /* the calling thread included; 0: as compiled, or what the machine grants this process */
  int32_t profile;    /* nonzero: measure every step (costs a barrier per step) */
  uint64_t max_bytes; /* limit of working memory besides weights; 0: none */
  char* error;        /* when cnnc_create fails, its message is written here if not NULL */
  size_t error_bytes;
  int32_t flush_denormals; /* nonzero: numbers below the smallest normal one count as 0 during a run. Arithmetic on
                              them is up to a hundred times slower, and averages that decay, as in training, end there */
} cnnc_options;

/* A dense, row-major tensor in the caller's memory, aligned to its element type. */
typedef struct cnnc_tensor_view {
  void* data;
  size_t bytes; /* size of the memory at `data`; may exceed what the shape needs */
  int32_t dtype;
  int32_t rank;
  int64_t dims[CNNC_MAX_RANK];
} cnnc_tensor_view;

/* What the model declares about an input or output. */
typedef struct cnnc_tensor_info {
  const char* name;
  int32_t dtype;
  int32_t rank;
  int64_t dims[CNNC_MAX_RANK];            /* -1 where the size depends on the inputs */
  const char* dim_texts[CNNC_MAX_RANK];   /* "224", "batch", "2*n+1" */
  const char* dim_symbols[CNNC_MAX_RANK]; /* "batch" where the dimension is just that, or NULL */
} cnnc_tensor_info;

/* One step of the model and, with `profile`, the time it took in all runs so far. */
typedef struct cnnc_step_info {
  const char* name;
  const char* kernel;  /* "llvm:contract", "dnnl:convolution" */
  const char* sources; /* names of the model's nodes that it computes, separated by newlines */
  uint64_t calls;
  uint64_t nanoseconds;
  int64_t flops; /* of one call with the last shapes; -1: not known */
  int64_t bytes;
} cnnc_step_info;

/* Makes an executable. `options` may be NULL. On failure *out is NULL. */
CNNC_API cnnc_status cnnc_create(const struct cnnc_model* model, const cnnc_options* options,
                                 cnnc_executable** out);
/* Frees it; NULL is allowed. */
CNNC_API void cnnc_destroy(cnnc_executable* executable);

CNNC_API int32_t cnnc_input_count(const cnnc_executable* executable);
CNNC_API int32_t cnnc_output_count(const cnnc_executable* executable);
CNNC_API cnnc_status cnnc_input_info(const cnnc_executable* executable, int32_t index,
                                     cnnc_tensor_info* out);
CNNC_API cnnc_status cnnc_output_info(const cnnc_executable* executable, int32_t index,
                                      cnnc_tensor_info* out);

/* The input that the output updates in place, as a training step does its weights; -1 for an output
 * with memory of its own. */
CNNC_API int32_t cnnc_output_updates(const cnnc_executable* executable, int32_t index);

/* Plans a run with inputs of these shapes (their `data` is not read) and writes dtype, rank, dims
 * and the bytes needed into `outputs`, leaving `data` alone. */
CNNC_API cnnc_status cnnc_prepare(cnnc_executable* executable, const cnnc_tensor_view* inputs,
                                  int32_t input_count, cnnc_tensor_view* outputs,
                                  int32_t output_count);

/* Runs the model. Every output needs `data` with at least the bytes that cnnc_prepare names; its
 * dtype, rank and dims are written. Inputs and outputs must not overlap. When the shapes are those
 * of the last call, nothing is allocated. On failure the outputs hold no result.
 *
 * An output that updates an input (cnnc_output_updates) takes over the input's memory: nothing is
 * given for it, its `data` and `bytes` become the input's, and what the input held before is gone. */
CNNC_API cnnc_status cnnc_run(cnnc_executable* executable, const cnnc_tensor_view* inputs,
                              int32_t input_count, cnnc_tensor_view* outputs,
                              int32_t output_count);

/* Why the last call on this executable failed; "" if it did not. CNNC_BUSY leaves it alone. */
CNNC_API const char* cnnc_last_error(const cnnc_executable* executable);

CNNC_API int32_t cnnc_thread_count(const cnnc_executable* executable);
/* Working memory besides weights, for the last shapes. */
CNNC_API uint64_t cnnc_memory_bytes(const cnnc_executable* executable);
CNNC_API int32_t cnnc_step_count(const cnnc_executable* executable);
CNNC_API cnnc_status cnnc_step_query(const cnnc_executable* executable, int32_t index,
                                     cnnc_step_info* out);

#ifdef __cplusplus
}
#endif

#endif /* CNNC_H_ */

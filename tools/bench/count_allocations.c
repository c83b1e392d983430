/* How often a model's library allocates in ten runs after the first: prints the number.
 *
 *   cnnc compile model.onnx --emit=a --name counted -o counted.a
 *   cc -I. count_allocations.c counted.a -lm && ./a.out */
#include <stdio.h>
#include <stdlib.h>

#include "counted.h"

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static volatile long calls;

void* malloc(size_t bytes) { return ++calls, __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return ++calls, __libc_calloc(count, bytes); }
void* realloc(void* memory, size_t bytes) { return ++calls, __libc_realloc(memory, bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) { return ++calls, __libc_memalign(alignment, bytes); }

int posix_memalign(void** out, size_t alignment, size_t bytes) {
  ++calls;
  *out = __libc_memalign(alignment, bytes);
  return *out == NULL;
}

static void fill(cnnc_tensor_view* view, const cnnc_tensor_info* info) {
  memset(view, 0, sizeof *view);
  view->dtype = info->dtype;
  view->rank = info->rank;
  view->bytes = cnnc_dtype_bits(info->dtype) / 8;
  for (int32_t axis = 0; axis < info->rank; ++axis) {
    view->dims[axis] = info->dims[axis] < 0 ? 1 : info->dims[axis];
    view->bytes *= (size_t)view->dims[axis];
  }
  view->data = calloc(view->bytes, 1);
}

static int fail(const char* what) {
  fprintf(stderr, "error: %s\n", what);
  return 1;
}

int main(void) {
  cnnc_executable* exe;
  if (cnnc_create(&cnnc_model_counted, NULL, &exe) != CNNC_OK) return fail("cannot create the executable");
  cnnc_tensor_view inputs[COUNTED_INPUT_COUNT], outputs[COUNTED_OUTPUT_COUNT];
  cnnc_tensor_info info;
  for (int32_t i = 0; i < COUNTED_INPUT_COUNT; ++i) {
    cnnc_input_info(exe, i, &info);
    fill(&inputs[i], &info);
  }
  memset(outputs, 0, sizeof outputs);
  if (cnnc_prepare(exe, inputs, COUNTED_INPUT_COUNT, outputs, COUNTED_OUTPUT_COUNT) != CNNC_OK)
    return fail(cnnc_last_error(exe));
  for (int32_t i = 0; i < COUNTED_OUTPUT_COUNT; ++i) outputs[i].data = malloc(outputs[i].bytes);
  long before = 0;
  for (int run = 0; run < 11; ++run) {
    if (run == 1) before = calls;
    if (cnnc_run(exe, inputs, COUNTED_INPUT_COUNT, outputs, COUNTED_OUTPUT_COUNT) != CNNC_OK)
      return fail(cnnc_last_error(exe));
  }
  printf("%ld\n", calls - before);
  cnnc_destroy(exe);
  return 0;
}

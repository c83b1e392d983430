#include "runtime/all_reduce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cnnc.h"
#include "runtime/model.h"

namespace cnnc {
namespace {

AllReduceTransport transport = {};

// The state of a step is the number of elements.
int prepare(const cnnc_library_call* call, void** state) {
  if (call->size_count != 1 || call->arg_count != 2) {
    snprintf(call->error, call->error_bytes, "its parameters are damaged");
    return CNNC_INVALID_MODEL;
  }
  if (!*state) *state = malloc(sizeof(int64_t));
  if (!*state) return CNNC_OUT_OF_MEMORY;
  memcpy(*state, call->sizes, sizeof(int64_t));
  return CNNC_OK;
}

int64_t count_of(const void* state) { return *static_cast<const int64_t*>(state); }

void move(const void* state, void* const* args) {
  if (args[0] != args[1]) memcpy(args[1], args[0], static_cast<size_t>(count_of(state)) * sizeof(float));
}

int begin(void* state, void* const* args) {
  move(state, args);
  return transport.begin ? transport.begin(static_cast<float*>(args[1]), count_of(state)) : CNNC_OK;
}

int end(void* state, void* const* args) {
  const int status = transport.end ? transport.end(static_cast<float*>(args[0])) : CNNC_OK;
  if (status == CNNC_OK) move(state, args);
  return status;
}

} // namespace

void set_all_reduce_transport(const AllReduceTransport& t) { transport = t; }

} // namespace cnnc

extern "C" const cnnc_library_step cnnc_all_reduce_begin, cnnc_all_reduce_end;
const cnnc_library_step cnnc_all_reduce_begin = {"all_reduce", cnnc::prepare, cnnc::begin, free};
const cnnc_library_step cnnc_all_reduce_end = {"all_reduce", cnnc::prepare, cnnc::end, free};

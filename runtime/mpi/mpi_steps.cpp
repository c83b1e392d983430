// Open MPI: joining the other processes, and the steps that sum over them.
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cnnc.h"
#include "runtime/model.h"
#include "runtime/mpi/processes.h"

namespace cnnc {
namespace {

// Sums that have begun and not ended, by the memory that they are in.
struct Request {
  void* data;
  MPI_Request request;
};
constexpr int kMostRequests = 256;
Request begun[kMostRequests];

Request* find(const void* data) {
  for (Request& r : begun) {
    if (r.data == data) return &r;
  }
  return nullptr;
}

// The state of a step is the number of elements.
int prepare(const cnnc_library_call* call, void** state) {
  if (call->size_count != 1 || call->arg_count != 2 || call->sizes[0] > INT32_MAX) {
    snprintf(call->error, call->error_bytes, "its parameters are damaged");
    return CNNC_INVALID_MODEL;
  }
  if (!*state) *state = malloc(sizeof(int64_t));
  if (!*state) return CNNC_OUT_OF_MEMORY;
  memcpy(*state, call->sizes, sizeof(int64_t));
  return CNNC_OK;
}

void move(const void* state, void* const* args) {
  const auto count = *static_cast<const int64_t*>(state);
  if (args[0] != args[1]) memcpy(args[1], args[0], static_cast<size_t>(count) * sizeof(float));
}

int begin(void* state, void* const* args) {
  Request* free_request = find(nullptr);
  if (!free_request) return CNNC_LIBRARY_ERROR;
  move(state, args);
  free_request->data = args[1];
  const auto count = static_cast<int>(*static_cast<const int64_t*>(state));
  const int code = MPI_Iallreduce(MPI_IN_PLACE, args[1], count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD,
                                  &free_request->request);
  return code == MPI_SUCCESS ? CNNC_OK : CNNC_LIBRARY_ERROR;
}

int end(void* state, void* const* args) {
  Request* request = find(args[0]);
  if (!request || MPI_Wait(&request->request, MPI_STATUS_IGNORE) != MPI_SUCCESS) {
    return CNNC_LIBRARY_ERROR;
  }
  request->data = nullptr;
  move(state, args);
  return CNNC_OK;
}

} // namespace

bool is_one_of_several_processes() {
  const char* size = getenv("OMPI_COMM_WORLD_SIZE");
  return size && atoi(size) > 1;
}

Shard join_processes() {
  Shard shard;
  if (!is_one_of_several_processes()) return shard;
  int provided;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &shard.index);
  MPI_Comm_size(MPI_COMM_WORLD, &shard.count);
  return shard;
}

void leave_processes() {
  if (is_one_of_several_processes()) MPI_Finalize();
}

} // namespace cnnc

extern "C" const cnnc_library_step cnnc_mpi_all_reduce_begin, cnnc_mpi_all_reduce_end;
const cnnc_library_step cnnc_mpi_all_reduce_begin = {"mpi:all_reduce", cnnc::prepare, cnnc::begin,
                                                     free};
const cnnc_library_step cnnc_mpi_all_reduce_end = {"mpi:all_reduce", cnnc::prepare, cnnc::end,
                                                   free};

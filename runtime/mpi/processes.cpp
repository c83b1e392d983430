// Open MPI: joining the other processes, and summing over them.
#include "runtime/mpi/processes.h"

#include <mpi.h>
#include <stdlib.h>

#include "runtime/all_reduce.h"
#include "runtime/cnnc.h"

namespace cnnc {
namespace {

// Sums that have begun and not ended, by the memory that they are in.
struct Request {
  void* data;
  MPI_Request request;
};
constexpr int kMostRequests = 256;
Request requests[kMostRequests];

Request* find(const void* data) {
  for (Request& r : requests) {
    if (r.data == data) return &r;
  }
  return nullptr;
}

int begin(float* data, int64_t count) {
  Request* free_request = find(nullptr);
  if (!free_request || count > INT32_MAX) return CNNC_LIBRARY_ERROR;
  free_request->data = data;
  const int code = MPI_Iallreduce(MPI_IN_PLACE, data, static_cast<int>(count), MPI_FLOAT, MPI_SUM,
                                  MPI_COMM_WORLD, &free_request->request);
  return code == MPI_SUCCESS ? CNNC_OK : CNNC_LIBRARY_ERROR;
}

int end(float* data) {
  Request* request = find(data);
  if (!request || MPI_Wait(&request->request, MPI_STATUS_IGNORE) != MPI_SUCCESS) {
    return CNNC_LIBRARY_ERROR;
  }
  request->data = nullptr;
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
  set_all_reduce_transport({begin, end});
  return shard;
}

void leave_processes() {
  if (is_one_of_several_processes()) MPI_Finalize();
}

} // namespace cnnc


// Open MPI: joining the other processes, and summing over them.
#include "runtime/mpi/processes.h"

#include <mpi.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/all_reduce.h"
#include "runtime/cnnc.h"

namespace cnnc {
namespace {

// The sums under way. MPI goes on with them while it is called only, and the main thread computes meanwhile: another one calls it,
// a moment every now and then, for it takes its time from the kernels.
class Sums {
 public:
  explicit Sums(bool may_use_threads) {
    if (may_use_threads) helper_ = std::thread([this] { help(); });
  }
  Sums(const Sums&) = delete;
  Sums& operator=(const Sums&) = delete;
  ~Sums() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    changed_.notify_one();
    if (helper_.joinable()) helper_.join();
  }

  int begin(float* data, int64_t count) {
    if (count > INT32_MAX) return CNNC_LIBRARY_ERROR;
    const std::lock_guard lock(mutex_);
    MPI_Request request;
    const int code = MPI_Iallreduce(MPI_IN_PLACE, data, static_cast<int>(count), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request);
    if (code != MPI_SUCCESS) return CNNC_LIBRARY_ERROR;
    under_way_.push_back({data, request});
    changed_.notify_one();
    return CNNC_OK;
  }

  int end(const float* data) {
    const std::lock_guard lock(mutex_);
    const auto sum = std::find_if(under_way_.begin(), under_way_.end(), [&](const Sum& s) { return s.data == data; });
    if (sum == under_way_.end() || MPI_Wait(&sum->request, MPI_STATUS_IGNORE) != MPI_SUCCESS) return CNNC_LIBRARY_ERROR;
    under_way_.erase(sum);
    return CNNC_OK;
  }

 private:
  struct Sum {
    const float* data;
    MPI_Request request;
  };
  static constexpr std::chrono::microseconds kBetweenCalls{50};

  void help() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ends_ || !all_done(); });
      if (ends_) return;
      lock.unlock();
      std::this_thread::sleep_for(kBetweenCalls);
      lock.lock();
    }
  }

  // Asking MPI is what makes it go on.
  bool all_done() const {
    return std::all_of(under_way_.begin(), under_way_.end(), [](const Sum& sum) {
      int done = 0;
      return MPI_Request_get_status(sum.request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done;
    });
  }

  std::mutex mutex_;  // of MPI, too
  std::condition_variable changed_;
  std::vector<Sum> under_way_;
  bool ends_ = false;
  std::thread helper_;
};

std::unique_ptr<Sums> sums;

int begin(float* data, int64_t count) { return sums->begin(data, count); }
int end(float* data) { return sums->end(data); }

} // namespace

bool is_one_of_several_processes() {
  const char* size = getenv("OMPI_COMM_WORLD_SIZE");
  return size && atoi(size) > 1;
}

Shard join_processes() {
  Shard shard;
  if (!is_one_of_several_processes()) return shard;
  int provided;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &shard.index);
  MPI_Comm_size(MPI_COMM_WORLD, &shard.count);
  sums = std::make_unique<Sums>(provided >= MPI_THREAD_SERIALIZED);
  set_all_reduce_transport({begin, end});
  return shard;
}

void leave_processes() {
  if (!is_one_of_several_processes()) return;
  sums.reset();
  MPI_Finalize();
}

} // namespace cnnc


#include "codegen/workers.h"

#include <system_error>

namespace cnnc::codegen {

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    jobs_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : running_) thread.join();
}

std::future<std::vector<char>> Workers::add(Job job) {
  if (threads_ <= 1) return std::async(std::launch::deferred, std::move(job));
  if (static_cast<int>(running_.size()) < threads_) {
    try {
      running_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {  // the system gives no more
      if (running_.empty()) return std::async(std::launch::deferred, std::move(job));
    }
  }
  std::packaged_task<std::vector<char>()> task(std::move(job));
  std::future<std::vector<char>> result = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(task));
  }
  changed_.notify_one();
  return result;
}

void Workers::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ended_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    std::packaged_task<std::vector<char>()> task = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    task();
    task = {};  // what the job holds
    lock.lock();
  }
}

}  // namespace cnnc::codegen

#include "frontend/data/prefetcher.h"

namespace cnnc::dsl {

Prefetcher::Prefetcher(Pipeline::Next source, size_t most)
    : source_(std::move(source)), most_(most), thread_([this] { work(); }) {}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Prefetcher::work() {
  std::exception_ptr fault;
  try {
    while (auto sample = source_())
      if (!put(std::move(*sample))) return;
  } catch (...) {
    fault = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  ended_ = true;
  changed_.notify_all();
}

bool Prefetcher::put(Sample sample) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopped_ || ready_.size() < most_; });
  if (stopped_) return false;
  ready_.push_back(std::move(sample));
  changed_.notify_all();
  return true;
}

std::optional<Sample> Prefetcher::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || !ready_.empty(); });
  if (ready_.empty()) {
    if (fault_) std::rethrow_exception(fault_);
    return {};
  }
  Sample sample = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return sample;
}

}  // namespace cnnc::dsl

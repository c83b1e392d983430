// Samples made ahead by another thread.
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "cnnc/pipeline.h"

namespace cnnc::dsl {

// Calls `source` on a thread of its own until it gives nothing, and holds at most `most` samples that nobody has taken.
class Prefetcher {
 public:
  Prefetcher(Pipeline::Next source, size_t most);
  // Waits for the call of `source` that is under way.
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;

  // Throws what `source` threw, when all samples before have been taken.
  std::optional<Sample> next();

 private:
  void work();
  // False when nobody wants more.
  bool put(Sample sample);

  Pipeline::Next source_;
  size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Sample> ready_;
  std::exception_ptr fault_;
  bool ended_ = false, stopped_ = false;
  std::thread thread_;  // last: it starts when everything else is there
};

}  // namespace cnnc::dsl

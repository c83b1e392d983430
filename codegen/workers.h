// Threads that do jobs while their maker goes on.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace cnnc::codegen {

class Workers {
 public:
  using Job = std::function<std::vector<char>()>;

  // With one thread there is no other: a job is done when its result is asked for.
  explicit Workers(int threads) : threads_(threads) {}
  ~Workers();
  Workers(const Workers&) = delete;

  // The result, or what the job threw.
  std::future<std::vector<char>> add(Job job);

 private:
  void work();

  const int threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<std::vector<char>()>> jobs_;
  bool ended_ = false;
  std::vector<std::thread> running_;
};

}  // namespace cnnc::codegen

#include "runtime/team.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace cnnc {

// A part of a step's tasks while it is handed out: sequence number of the step, chunks taken, chunks in all. One word, so that
// taking a chunk also proves that the step is still the current one.
class Ticket {
 public:
  static constexpr int kBits = 12;
  static constexpr uint64_t kMask = (uint64_t{1} << kBits) - 1;

  void open(uint64_t sequence, uint64_t chunks) {
    word_.store(sequence << (2 * kBits) | chunks, std::memory_order_seq_cst);
  }

  bool has_work() const {
    const uint64_t word = word_.load(std::memory_order_seq_cst);
    return (word >> kBits & kMask) < (word & kMask);
  }

  // Takes a chunk; false when none is left. `chunks` is set to how many there are in all.
  bool take(uint64_t* chunk, uint64_t* chunks) {
    uint64_t word = word_.load(std::memory_order_acquire);
    while (true) {
      *chunk = word >> kBits & kMask;
      *chunks = word & kMask;
      if (*chunk >= *chunks) return false;
      if (word_.compare_exchange_weak(word, word + (uint64_t{1} << kBits), std::memory_order_acq_rel,
                                      std::memory_order_acquire))
        return true;
    }
  }

 private:
  alignas(64) std::atomic<uint64_t> word_{0};
};

struct Worker {
  Team* team;
  int32_t index;
  pthread_t thread;
};

struct Team {
  int32_t threads;
  bool flush_denormals;
  pid_t process;   // after fork() the child has no workers
  Worker* workers; // threads - 1
  Ticket* tickets; // one for each thread's part
  uint64_t sequence;

  // The current step; written before its tickets open, read only by who has taken a chunk.
  const RunStep* step;
  Scratch scratch;

  alignas(64) std::atomic<uint32_t> chunks_done;
  alignas(64) std::atomic<uint32_t> sleepers;
  std::atomic<uint32_t> wake; // futex word
  std::atomic<bool> stop;
};

namespace {

constexpr int64_t kChunksPerPart = 4;
// About 20 microseconds of looking for work, then as long of letting others run, then sleep.
constexpr int kSpins = 400;
constexpr int kYields = 40;
constexpr size_t kStackBytes = 256 << 10;

void pause() { __builtin_ia32_pause(); }

// How the thread's arithmetic treats denormal numbers, while it lives.
class FloatingPointMode {
 public:
  explicit FloatingPointMode(bool flush_denormals) : before_(__builtin_ia32_stmxcsr()) {
    constexpr unsigned kFlushResults = 1 << 15, kOperandsAreZero = 1 << 6;
    if (flush_denormals) __builtin_ia32_ldmxcsr(before_ | kFlushResults | kOperandsAreZero);
  }
  ~FloatingPointMode() { __builtin_ia32_ldmxcsr(before_); }
  FloatingPointMode(const FloatingPointMode&) = delete;

 private:
  unsigned before_;
};

void futex(std::atomic<uint32_t>* word, int operation, uint32_t value) {
  syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

// total * part / parts without overflow.
int64_t share(int64_t total, int64_t part, int64_t parts) {
  return total / parts * part + total % parts * part / parts;
}

void run_tasks(const RunStep& step, int64_t begin, int64_t end, void* scratch) {
  if (begin < end) step.kernel(step.args, step.sizes, begin, end, scratch);
}

// Takes chunks of `part` until none is left; true when there was one.
bool work_on_part(Team* team, int32_t part, int32_t thread) {
  bool worked = false;
  uint64_t chunk, chunks;
  while (team->tickets[part].take(&chunk, &chunks)) {
    const RunStep& step = *team->step;
    const int64_t begin = share(step.tasks, part, team->threads), end = share(step.tasks, part + 1, team->threads);
    const auto i = static_cast<int64_t>(chunk), n = static_cast<int64_t>(chunks);
    run_tasks(step, begin + share(end - begin, i, n), begin + share(end - begin, i + 1, n),
              team->scratch.data + static_cast<size_t>(thread) * team->scratch.stride);
    team->chunks_done.fetch_add(1, std::memory_order_release);
    worked = true;
  }
  return worked;
}

// The thread's own part first, then what others have left.
bool work(Team* team, int32_t thread) {
  bool worked = false;
  for (int32_t i = 0; i < team->threads; ++i) worked |= work_on_part(team, (thread + i) % team->threads, thread);
  return worked;
}

bool has_work(const Team* team) {
  for (int32_t i = 0; i < team->threads; ++i)
    if (team->tickets[i].has_work()) return true;
  return false;
}

void sleep_until_woken(Team* team) {
  const uint32_t word = team->wake.load(std::memory_order_seq_cst);
  team->sleepers.fetch_add(1, std::memory_order_seq_cst);
  // Work that came before this was counted would wake nobody.
  if (!has_work(team) && !team->stop.load(std::memory_order_seq_cst)) futex(&team->wake, FUTEX_WAIT, word);
  team->sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

void wake_sleepers(Team* team) {
  if (team->sleepers.load(std::memory_order_seq_cst) == 0) return;
  team->wake.fetch_add(1, std::memory_order_seq_cst);
  futex(&team->wake, FUTEX_WAKE, static_cast<uint32_t>(team->threads));
}

void* run_worker(void* argument) {
  auto* worker = static_cast<Worker*>(argument);
  Team* team = worker->team;
  const FloatingPointMode mode(team->flush_denormals);
  for (int idle = 0; !team->stop.load(std::memory_order_relaxed);) {
    if (work(team, worker->index)) idle = 0;
    else if (++idle < kSpins) pause();
    else if (idle < kSpins + kYields) sched_yield();
    else sleep_until_woken(team), idle = 0;
  }
  return nullptr;
}

void wait_for_chunks(const Team* team, uint32_t chunks) {
  for (int idle = 0; team->chunks_done.load(std::memory_order_acquire) != chunks; ++idle) {
    if (idle < kSpins) pause();
    else sched_yield();
  }
}

void run_split(Team* team, const RunStep& step) {
  team->step = &step;
  team->chunks_done.store(0, std::memory_order_relaxed);
  ++team->sequence;
  uint32_t total = 0;
  for (int32_t i = 0; i < team->threads; ++i) {
    const int64_t tasks = share(step.tasks, i + 1, team->threads) - share(step.tasks, i, team->threads);
    const int64_t chunks = tasks < kChunksPerPart ? tasks : kChunksPerPart;
    total += static_cast<uint32_t>(chunks);
    team->tickets[i].open(team->sequence, static_cast<uint64_t>(chunks));
  }
  wake_sleepers(team);
  work(team, 0);
  wait_for_chunks(team, total);
}

int run_step(Team* team, RunStep& step) {
  if (step.mode == StepMode::library) return step.status = step.library->run(step.state, step.args);
  if (step.mode == StepMode::split && team->threads > 1) run_split(team, step);
  else run_tasks(step, 0, step.tasks, team->scratch.data);
  return 0;
}

bool start_worker(Worker* worker) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  // The program's signals are not for us.
  sigset_t all;
  sigfillset(&all);
  pthread_attr_setsigmask_np(&attributes, &all);
  const int error = pthread_create(&worker->thread, &attributes, run_worker, worker);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

} // namespace

Team* create_team(int32_t threads, bool flush_denormals) {
  auto* team = static_cast<Team*>(aligned_alloc(64, (sizeof(Team) + 63) / 64 * 64));
  auto* tickets = static_cast<Ticket*>(aligned_alloc(64, sizeof(Ticket) * static_cast<size_t>(threads)));
  auto* workers = static_cast<Worker*>(calloc(static_cast<size_t>(threads), sizeof(Worker)));
  if (team == nullptr || tickets == nullptr || workers == nullptr) {
    free(team), free(tickets), free(workers);
    return nullptr;
  }
  __builtin_memset(static_cast<void*>(team), 0, sizeof *team);
  __builtin_memset(static_cast<void*>(tickets), 0, sizeof(Ticket) * static_cast<size_t>(threads));
  team->threads = threads;
  team->flush_denormals = flush_denormals;
  team->process = getpid();
  team->tickets = tickets;
  team->workers = workers;
  int32_t started = 1;
  for (; started < threads; ++started) {
    workers[started - 1] = {team, started, {}};
    if (!start_worker(&workers[started - 1])) break;
  }
  // Parts of threads that could not be started are done by the others.
  for (int32_t i = started; i < threads; ++i) workers[i - 1].team = nullptr;
  return team;
}

void destroy_team(Team* team) {
  if (team == nullptr) return;
  team->stop.store(true, std::memory_order_seq_cst);
  team->wake.fetch_add(1, std::memory_order_seq_cst);
  futex(&team->wake, FUTEX_WAKE, static_cast<uint32_t>(team->threads));
  const bool has_workers = team->process == getpid();
  for (int32_t i = 1; i < team->threads && has_workers; ++i)
    if (team->workers[i - 1].team != nullptr) pthread_join(team->workers[i - 1].thread, nullptr);
  free(team->workers), free(team->tickets), free(team);
}

int64_t run_steps(Team* team, Scratch scratch, RunStep* steps, uint32_t count) {
  team->scratch = scratch;
  const FloatingPointMode mode(team->flush_denormals);
  for (uint32_t i = 0; i < count; ++i)
    if (run_step(team, steps[i])) return i;
  return -1;
}

int64_t run_steps_timed(Team* team, Scratch scratch, RunStep* steps, uint32_t count) {
  team->scratch = scratch;
  const FloatingPointMode mode(team->flush_denormals);
  for (uint32_t i = 0; i < count; ++i) {
    const int64_t start = now_ns();
    if (run_step(team, steps[i])) return i;
    steps[i].nanoseconds += static_cast<uint64_t>(now_ns() - start);
    ++steps[i].calls;
  }
  return -1;
}

int64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

} // namespace cnnc

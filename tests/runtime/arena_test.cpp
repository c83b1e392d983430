#include "runtime/arena.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <vector>

namespace cnnc {
namespace {

int64_t plan(std::vector<ArenaBuffer>& buffers, int64_t limit = INT64_C(1) << 40) {
  std::vector<uint32_t> workspace(buffers.size() * 2);
  return plan_arena(buffers.data(), static_cast<uint32_t>(buffers.size()), limit,
                    workspace.data());
}

std::vector<ArenaBuffer> random_buffers(uint32_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<ArenaBuffer> buffers(count);
  for (ArenaBuffer& buffer : buffers) {
    buffer.bytes = random() % 5 ? static_cast<int64_t>(random() % 100000) : 0;
    buffer.first_step = random() % count;
    buffer.last_step = buffer.first_step + random() % 20;
  }
  return buffers;
}

TEST(Arena, BuffersAliveTogetherNeverOverlap) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    auto buffers = random_buffers(200, seed);
    const int64_t bytes = plan(buffers);
    for (size_t i = 0; i < buffers.size(); ++i) {
      const ArenaBuffer& a = buffers[i];
      EXPECT_EQ(a.offset % 64, 0);
      EXPECT_LE(a.offset + a.bytes, bytes);
      for (size_t j = 0; j < i; ++j) {
        const ArenaBuffer& b = buffers[j];
        const bool together = a.first_step <= b.last_step && b.first_step <= a.last_step;
        const bool overlap = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
        EXPECT_FALSE(together && overlap && a.bytes && b.bytes) << "seed " << seed;
      }
    }
  }
}

TEST(Arena, ChainNeedsTwoBuffers) {
  std::vector<ArenaBuffer> buffers;
  for (uint32_t i = 0; i < 20; ++i) buffers.push_back({1024, i, i + 1, 0});
  EXPECT_EQ(plan(buffers), 2048);
}

TEST(Arena, FillsTheSmallestGap) {
  // Steps 0: big and small around; later only parts of it are free.
  std::vector<ArenaBuffer> buffers = {{640, 0, 9, 0}, {256, 0, 0, 0}, {128, 0, 9, 0}, {64, 1, 9, 0}};
  EXPECT_EQ(plan(buffers), 640 + 256 + 128);
  EXPECT_EQ(buffers[3].offset, 640);
}

TEST(Arena, IsDeterministic) {
  auto a = random_buffers(500, 7), b = a;
  EXPECT_EQ(plan(a), plan(b));
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].offset, b[i].offset);
}

TEST(Arena, RefusesMoreThanTheLimit) {
  std::vector<ArenaBuffer> buffers = {{1000, 0, 1, 0}, {1000, 0, 1, 0}};
  EXPECT_EQ(plan(buffers, 2000), -1);
  EXPECT_EQ(plan(buffers, 2048), 2048);
  std::vector<ArenaBuffer> huge = {{INT64_MAX - 3, 0, 1, 0}};
  EXPECT_EQ(plan(huge), -1);
}

TEST(Arena, PlansFiveThousandBuffersFast) {
  auto buffers = random_buffers(5000, 1);
  const auto start = std::chrono::steady_clock::now();
  plan(buffers);
  const auto time = std::chrono::steady_clock::now() - start;
  RecordProperty("ms", static_cast<int>(time / std::chrono::milliseconds(1)));
  EXPECT_LT(time, std::chrono::seconds(2)); // 20 ms when nothing else runs
}

} // namespace
} // namespace cnnc

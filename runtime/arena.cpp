#include "runtime/arena.h"

#include <string.h>

#include <algorithm>

#include "runtime/plan.h"

namespace cnnc {
namespace {

int64_t aligned(int64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

bool alive_together(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

struct Placement {
  int64_t offset;
  uint32_t position; // in the list of placed buffers, which is ordered by offset
};

// `placed` is ordered by offset; gaps are what its buffers alive with `buffer` leave free.
Placement smallest_gap(const ArenaBuffer* buffers, const uint32_t* placed, uint32_t placed_count,
                       const ArenaBuffer& buffer) {
  const int64_t needed = aligned(buffer.bytes);
  Placement best{-1, 0};
  int64_t best_gap = INT64_MAX;
  int64_t free_from = 0;
  for (uint32_t i = 0; i < placed_count; ++i) {
    const ArenaBuffer& other = buffers[placed[i]];
    if (!alive_together(buffer, other)) continue;
    const int64_t gap = other.offset - free_from;
    if (gap >= needed && gap < best_gap) {
      best = {free_from, 0};
      best_gap = gap;
    }
    free_from = std::max(free_from, other.offset + aligned(other.bytes));
  }
  if (best.offset < 0) best.offset = free_from;
  const uint32_t* position = std::upper_bound(
      placed, placed + placed_count, best.offset,
      [&](int64_t offset, uint32_t other) { return offset < buffers[other].offset; });
  best.position = static_cast<uint32_t>(position - placed);
  return best;
}

} // namespace

int64_t plan_arena(ArenaBuffer* buffers, uint32_t count, int64_t max_bytes, uint32_t* workspace) {
  uint32_t* order = workspace;
  uint32_t* placed = workspace + count;
  for (uint32_t i = 0; i < count; ++i) order[i] = i;
  std::sort(order, order + count, [&](uint32_t a, uint32_t b) {
    if (buffers[a].bytes != buffers[b].bytes) return buffers[a].bytes > buffers[b].bytes;
    return a < b;
  });
  int64_t arena_bytes = 0;
  uint32_t placed_count = 0;
  for (uint32_t i = 0; i < count; ++i) {
    ArenaBuffer& buffer = buffers[order[i]];
    buffer.offset = 0;
    if (buffer.bytes == 0) continue;
    if (buffer.bytes > max_bytes) return -1;
    const Placement place = smallest_gap(buffers, placed, placed_count, buffer);
    buffer.offset = place.offset;
    arena_bytes = std::max(arena_bytes, place.offset + aligned(buffer.bytes));
    if (arena_bytes > max_bytes) return -1;
    memmove(placed + place.position + 1, placed + place.position,
            (placed_count - place.position) * sizeof *placed);
    placed[place.position] = order[i];
    ++placed_count;
  }
  return arena_bytes;
}

// One more cache line keeps threads' scratch from sharing sets at the same offsets.
int64_t scratch_stride(int64_t bytes) { return bytes ? aligned(bytes) + kArenaAlignment : 0; }

} // namespace cnnc

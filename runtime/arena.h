// Places buffers with live ranges into one arena.
#ifndef RUNTIME_ARENA_H_
#define RUNTIME_ARENA_H_

#include <stdint.h>

namespace cnnc {

struct ArenaBuffer {
  int64_t bytes;
  uint32_t first_step; // live range, both inclusive
  uint32_t last_step;
  int64_t offset; // result, a multiple of kArenaAlignment
};

// Greedy by size: the largest buffer first, each into the smallest gap that fits between those
// alive at the same time. Deterministic. Returns the arena's size, or -1 when it would pass
// `max_bytes`. `workspace` holds 2 * count entries; nothing is allocated.
int64_t plan_arena(ArenaBuffer* buffers, uint32_t count, int64_t max_bytes, uint32_t* workspace);

// From one thread's scratch memory to the next one's, for this many bytes each.
int64_t scratch_stride(int64_t bytes);

} // namespace cnnc

#endif // RUNTIME_ARENA_H_

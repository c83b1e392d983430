// Choice of tile shapes and of the work that makes a task.
#pragma once

#include <cstdint>
#include <optional>

#include "codegen/llvm/contraction.h"

namespace cnnc::codegen {

struct TileShape {
  int width;
  int vectors;
};

// The fastest shape, by a model of the core, for rows of `pixels` pixels (nothing: any number) and
// `channel_vectors` vectors of output channels, each a sum of `steps` products; of `vectors` vectors, if they are given.
TileShape choose_tile(const VectorIsa& isa, int lanes, std::optional<int64_t> pixels,
                      int64_t channel_vectors, int64_t steps, int max_width,
                      std::optional<int> vectors = std::nullopt);

// What the division of a contraction into tasks depends on.
struct Work {
  int64_t outer = 1;  // independent repetitions: images, groups, planes
  int64_t units = 1;  // rows or tiles of pixels
  int64_t panels = 1;
  double flops_per_unit_panel = 0;
  double unit_bytes = 0;    // input that a unit reads
  double panel_bytes = 0;   // weights that a panel reads
  bool staged = false;      // each task copies its input first
  double packed_bytes = 0;  // what each task packs, however few units it has
};

struct TaskShape {
  int64_t units;
  int64_t panels;
};

// Tasks that are even in number for 2, 4 and 8 threads, not too small, and stay within the L2
// cache.
TaskShape choose_tasks(const Work& work);

}  // namespace cnnc::codegen

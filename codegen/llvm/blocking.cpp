#include "codegen/llvm/blocking.h"

#include <algorithm>
#include <cmath>

namespace cnnc::codegen {

namespace {

// Cycles of one step of the reduction for a tile of w pixels and v vectors: two multiplications and
// two loads a cycle, sums that wait for each other when there are few, weights from L2 at half a
// line a cycle.
double step_cycles(const VectorIsa& isa, int w, int v, int lanes, int64_t steps) {
  // Without fused multiplications there is no broadcasting load either: it takes a shuffle more.
  double multiplications = isa.fma ? w * v * 0.5 : w * v + w * 0.5;
  double loads = (w + v) * 0.5;
  double latency = w * v < 8 ? std::max(1.0, 4.0 * w * v / 10) : 4.0;
  double panel = static_cast<double>(steps) * v * lanes * 4;
  double weights = panel > 24e3 ? v * lanes * 4 / 32.0 : 0;
  return std::max({multiplications, loads, std::min(latency, multiplications + 1), weights}) +
         0.02 * loads + 0.2;
}

int registers_for_sums(const VectorIsa& isa, int vectors) {
  int temporaries = vectors + 1 + (isa.fma ? 0 : 1);
  return isa.registers - temporaries;
}

int64_t ceil_div(int64_t x, int64_t y) { return (x + y - 1) / y; }

double tile_cycles(const VectorIsa& isa, int w, int v, int lanes, int64_t steps) {
  double overhead = 20 + 2.0 * w * v;
  return static_cast<double>(steps) * step_cycles(isa, w, v, lanes, steps) + overhead;
}

// Cycles for a row of pixels with tiles of at most `width` pixels, all of nearly the same width.
double row_cycles(const VectorIsa& isa, int64_t pixels, int width, int v, int lanes,
                  int64_t steps) {
  int64_t tiles = ceil_div(pixels, width), narrow = pixels / tiles, wide = pixels % tiles;
  double cycles = static_cast<double>(tiles - wide) *
                  tile_cycles(isa, static_cast<int>(narrow), v, lanes, steps);
  if (wide)
    cycles +=
        static_cast<double>(wide) * tile_cycles(isa, static_cast<int>(narrow) + 1, v, lanes, steps);
  return cycles;
}

}  // namespace

TileShape choose_tile(const VectorIsa& isa, int lanes, std::optional<int64_t> pixels,
                      int64_t channel_vectors, int64_t steps, int max_width,
                      std::optional<int> vectors) {
  TileShape best{1, vectors.value_or(1)};
  double best_cycles = INFINITY;
  for (int v = 1; v <= std::min<int64_t>(channel_vectors, 8); ++v) {
    int width = std::min(registers_for_sums(isa, v) / v, max_width);
    if (width < 1) break;
    if (vectors && v != *vectors) continue;
    int64_t row = std::max<int64_t>(1, pixels.value_or(int64_t{width} * 8));
    width = static_cast<int>(ceil_div(row, ceil_div(row, width)));
    double cycles = row_cycles(isa, row, width, v, lanes, steps) *
                    static_cast<double>(ceil_div(channel_vectors, v)) / static_cast<double>(row);
    if (cycles < best_cycles * 0.995) {
      best_cycles = cycles;
      best = {width, v};
    }
  }
  return best;
}

namespace {

// Time of the slowest thread against an even share.
double imbalance(int64_t tasks, int64_t threads) {
  return static_cast<double>(ceil_div(tasks, threads) * threads) / static_cast<double>(tasks);
}

// Relative cost of a division into tasks; smaller is better.
double task_cost(const Work& work, int64_t units, int64_t panels) {
  constexpr double kL2Share = 600e3;
  constexpr double kTaskFlops = 20e3;  // what starting a task costs, in lost operations
  int64_t bands = ceil_div(work.units, units), blocks = ceil_div(work.panels, panels);
  int64_t tasks = work.outer * bands * blocks;
  double full = static_cast<double>(units * bands) / static_cast<double>(work.units) *
                static_cast<double>(panels * blocks) / static_cast<double>(work.panels);
  double cost = full * (0.5 * imbalance(tasks, 2) + 0.35 + 0.1 * imbalance(tasks, 4) +
                        0.05 * imbalance(tasks, 8));
  double task_flops = static_cast<double>(units * panels) * work.flops_per_unit_panel;
  cost *= 1 + kTaskFlops / std::max(task_flops, 1.0);
  double input = work.unit_bytes * static_cast<double>(units);
  double weights = work.panel_bytes * static_cast<double>(panels);
  if (input > kL2Share && panels > 1) cost *= 1.1;
  // Each band streams weights that do not stay in the L2 cache at 4 bytes a cycle, mostly hidden.
  if (weights > kL2Share) cost *= 1 + 4.0 * weights / std::max(task_flops, 1.0);
  double copied = work.packed_bytes + (work.staged ? input : 0);
  cost *= 1 + 8.0 * copied / std::max(task_flops, 1.0);
  return cost;
}

}  // namespace

TaskShape choose_tasks(const Work& work) {
  TaskShape best{work.units, work.panels};
  double best_cost = INFINITY;
  for (int64_t bands = 1; bands <= std::min<int64_t>(work.units, 64); ++bands) {
    int64_t units = ceil_div(work.units, bands);
    for (int64_t blocks = 1; blocks <= std::min<int64_t>(work.panels, 64); ++blocks) {
      int64_t panels = ceil_div(work.panels, blocks);
      double cost = task_cost(work, units, panels);
      if (cost < best_cost * 0.999) {
        best_cost = cost;
        best = {units, panels};
      }
    }
  }
  return best;
}

}  // namespace cnnc::codegen

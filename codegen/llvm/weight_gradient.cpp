// The gradient of a convolution with respect to its weights, for channels-last data.
//
// It is a matrix product for each row of taps: [taps of a row, channels] of the input under the window, times [output
// channels] of dY, summed over all windows of all images. A tile of it stays in registers while a band of an image passes
// by, so that the band and its gradient are read from the first-level cache and only the result is added to in memory. A
// task is one tile. Images are added in order, so that the result does not depend on how tasks are divided.
#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/llvm/blocking.h"
#include "codegen/llvm/convolution_geometry.h"
#include "codegen/llvm/weight_gradient_bands.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

// The taps and channels of one group of the convolution are the rows of the result. They are found in runs, each of which
// is contiguous in the image: all taps of a row of the kernel, or the channels under one tap.
struct Rows {
  int64_t runs = 1, size = 1;

  explicit Rows(const GradientGeometry& g) {
    const bool joined = g.groups == 1 && g.width.dilation == 1;
    runs = g.height.kernel * (joined ? 1 : g.width.kernel);
    size = (joined ? g.width.kernel : 1) * g.group_channels();
  }
};

struct TilePlan {
  int lanes = 1, vectors = 1;
  int width = 1;          // rows of a tile within a run
  int64_t runs = 1;       // runs of a tile; one, unless they are whole
  int64_t run_tiles = 1;  // tiles along the runs
  int64_t row_tiles = 1;  // tiles of a run
  int64_t panels = 1;

  int64_t nr() const { return int64_t{lanes} * vectors; }
};

TilePlan plan_tiles(const GradientGeometry& g, const Rows& rows, const VectorIsa& isa) {
  constexpr int kWidest = 28;
  TilePlan plan;
  plan.lanes = lanes_of(isa, g.type);
  const int64_t vectors = divide_up(g.group_outputs(), plan.lanes);
  // Neighbouring runs differ by a constant only if they are rows of the kernel.
  const bool joins_runs = rows.runs == g.height.kernel && rows.size <= kWidest / 2;
  const TileShape tile = choose_tile(isa, plan.lanes, rows.size * (joins_runs ? rows.runs : 1), vectors,
                                     g.height.output * g.width.output, kWidest);
  plan.vectors = tile.vectors;
  plan.row_tiles = divide_up(rows.size, tile.width);
  plan.width = static_cast<int>(divide_up(rows.size, plan.row_tiles));
  if (joins_runs) plan.runs = std::clamp<int64_t>(tile.width / rows.size, 1, rows.runs);
  plan.run_tiles = divide_up(rows.runs, plan.runs);
  plan.runs = divide_up(rows.runs, plan.run_tiles);
  plan.panels = divide_up(g.group_outputs(), plan.nr());
  return plan;
}

class Emitter {
 public:
  Emitter(KernelContext& k, const GradientGeometry& g)
      : k_(k),
        b_(k.builder),
        g_(g),
        rows_(g),
        plan_(plan_tiles(g, rows_, k.isa)),
        element_(element_type(b_, g.type)),
        vector_(llvm::FixedVectorType::get(element_, static_cast<unsigned>(plan_.lanes))) {}

  int64_t tasks() const { return g_.groups * plan_.run_tiles * plan_.row_tiles * plan_.panels; }

  void emit() {
    emit_gradient_bands(k_, g_, tasks(), [&](const GradientBand& band, Value* task) { emit_task(band, task); });
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }

  // A tile's place: first run, first row in the run, first output channel in the group.
  struct Place {
    Value *group, *run, *row, *column;
  };

  void emit_task(const GradientBand& band, Value* task) {
    const std::vector<Value*> part = unflatten(
        b_, task, {number(g_.groups), number(plan_.run_tiles), number(plan_.row_tiles), number(plan_.panels)});
    const Place place{part[0], mul(b_, part[1], plan_.runs), mul(b_, part[2], plan_.width), mul(b_, part[3], plan_.nr())};
    // The last tile of each axis may be smaller.
    either(part[1], plan_.run_tiles, plan_.runs, rows_.runs, [&](int64_t runs) {
      either(part[2], plan_.row_tiles, plan_.width, rows_.size,
             [&](int64_t width) { emit_tile(band, place, runs, width); });
    });
  }

  void either(Value* tile, int64_t tiles, int64_t size, int64_t total, llvm::function_ref<void(int64_t)> emit) {
    const int64_t rest = total - (tiles - 1) * size;
    if (rest == size || tiles == 1) return emit(rest);
    Value* is_last = b_.CreateICmpEQ(tile, number(tiles - 1));
    emit_if(b_, is_last, [&] { emit(rest); });
    emit_if(b_, b_.CreateNot(is_last), [&] { emit(size); });
  }

  // Lanes of each vector that are output channels of the group; null where all are.
  Values masks(Value* column) {
    Values result;
    for (int v = 0; v < plan_.vectors; ++v) {
      const bool whole = g_.group_outputs() % plan_.nr() == 0;
      Value* left = sub(b_, number(g_.group_outputs()), add(b_, column, int64_t{v} * plan_.lanes));
      result.push_back(whole ? nullptr : lane_mask(b_, plan_.lanes, left));
    }
    return result;
  }

  // Elements from the first row of the image to the first row of a run.
  Value* run_offset(Value* run) {
    if (rows_.runs == g_.height.kernel) return mul(b_, run, g_.height_pitch());
    Value* kernel = number(g_.width.kernel);
    return add(b_, mul(b_, div(b_, run, kernel), g_.height_pitch()), mul(b_, rem(b_, run, kernel), g_.width_pitch()));
  }

  void emit_tile(const GradientBand& band, const Place& place, int64_t runs, int64_t width) {
    const Values mask = masks(place.column);
    Value* channel = add(b_, mul(b_, place.group, g_.group_channels()), place.row);
    Value* output = add(b_, mul(b_, place.group, g_.group_outputs()), place.column);
    Value* row = add(b_, mul(b_, place.run, rows_.size), place.row);
    Value* out = hide_from_loop_passes(b_, at(band.result, add(b_, mul(b_, row, g_.outputs), output)));
    Values places, place_masks;
    std::vector<int64_t> offsets;  // of the rows of the tile, in the image
    for (int64_t run = 0; run < runs; ++run)
      for (int64_t i = 0; i < width; ++i) {
        offsets.push_back(run * g_.height_pitch() + i);
        for (int v = 0; v < plan_.vectors; ++v)
          places.push_back(at(out, number((run * rows_.size + i) * g_.outputs + int64_t{v} * plan_.lanes)));
        place_masks.append(mask.begin(), mask.end());
      }
    const Values sums = sum_over_band(k_, g_, band, at(band.x, add(b_, run_offset(place.run), channel)),
                                      at(band.dy, output), sums_so_far(k_, band, vector_, places, place_masks),
                                      [&](Value* x, Value* dy, const Values& now) { return pixel(x, dy, mask, offsets, now); });
    for (size_t i = 0; i < sums.size(); ++i) store_lanes(b_, sums[i], places[i], place_masks[i]);
  }

  Values pixel(Value* x, Value* dy, const Values& mask, const std::vector<int64_t>& offsets, const Values& sums) {
    Values slopes, result;
    for (int v = 0; v < plan_.vectors; ++v)
      slopes.push_back(load_lanes(b_, vector_, at(dy, number(int64_t{v} * plan_.lanes)), mask[static_cast<size_t>(v)]));
    for (const int64_t offset : offsets) {
      Value* scalar = b_.CreateLoad(element_, at(x, number(offset)));
      Value* splat = b_.CreateVectorSplat(static_cast<unsigned>(plan_.lanes), scalar);
      for (Value* slope : slopes) result.push_back(multiply_add(b_, k_.isa, splat, slope, sums[result.size()]));
    }
    return result;
  }

  KernelContext& k_;
  IRBuilderBase& b_;
  const GradientGeometry& g_;
  Rows rows_;
  TilePlan plan_;
  llvm::Type* element_;
  llvm::Type* vector_;
};

}  // namespace

KernelNeeds emit_tiled_gradient(KernelContext& k, const GradientGeometry& g) {
  Emitter emitter(k, g);
  emitter.emit();
  return gradient_needs(g, emitter.tasks());
}

}  // namespace cnnc::codegen

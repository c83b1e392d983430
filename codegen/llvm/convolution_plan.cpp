// Tiling and weight layout of convolutions; no code is emitted here.
#include <llvm/Support/MathExtras.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "codegen/llvm/blocking.h"
#include "codegen/llvm/convolution_geometry.h"

namespace cnnc::codegen {

namespace {

// Taps that each output takes.
int64_t taps_of(const ConvolutionSpec& spec) {
  return spec.axes[0].kernel * spec.axes[1].kernel * spec.axes[2].kernel;
}

// Tiles are no wider than this so that their pixels, which are `stride` elements apart, leave room
// in each set of a first-level cache with 4096-byte ways.
int width_limit(const Size& stride, const SpatialAxis& axis, int element_size) {
  constexpr int64_t kLinesInSet = 7;
  constexpr int64_t kWidest = 28;
  if (!stride.is_constant()) return kWidest;
  int64_t bytes = std::max<int64_t>(1, stride.constant() * axis.stride * element_size);
  int64_t sets = 4096 / std::gcd<int64_t>(bytes, 4096);
  return static_cast<int>(std::min(kWidest, sets * kLinesInSet));
}

// Multiplications in the code of all tile variants; a measure of its size.
int64_t code_size(const ConvolutionSpec& spec, const ContractionPlan& plan) {
  int64_t size = 0;
  for (const PixelRun& run : pixel_runs(spec.axes[2], plan.width, false))
    size += int64_t{run.width} * plan.vectors * spec.axes[2].kernel *
            reduction_unroll(run.width * plan.vectors);
  return size;
}

bool needs_staging(const ConvolutionSpec& spec, const ContractionPlan& plan) {
  constexpr int64_t kCodeLimit = 2000;
  const SpatialAxis& width = spec.axes[2];
  if (taps_of(spec) == 0 || !needs_padding(width)) return false;
  if (!width.output.is_constant() || !width.input.is_constant()) return true;
  return code_size(spec, plan) > kCodeLimit;
}

// Channels of a staged pixel, so spaced that pixels do not fall into the same cache sets.
int64_t spaced_channels(int64_t channels, int element_size) {
  constexpr int64_t kLine = 64;
  int64_t bytes = llvm::alignTo(channels * element_size, element_size);
  if (bytes % 512 == 0) bytes += kLine;
  return bytes / element_size;
}

int64_t units_of(const ConvolutionSpec& spec, const ContractionPlan& plan) {
  const Size& count = plan.flat ? spec.axes[2].output : spec.axes[1].output;
  if (!count.is_constant()) return plan.flat ? 1 : 16;
  int64_t units = plan.flat ? divide_up(count.constant(), plan.width) : count.constant();
  return std::max<int64_t>(1, units);
}

Work work_of(const ConvolutionSpec& spec, const ContractionPlan& plan) {
  int64_t channels = spec.channels / spec.groups, size = element_size(spec.type);
  const Size& pixels = spec.axes[2].output;
  double unit_pixels =
      plan.flat || !pixels.is_constant() ? plan.width : static_cast<double>(pixels.constant());
  double steps = static_cast<double>(taps_of(spec) * channels);
  auto known = [](const Size& s) {
    return s.is_constant() ? std::max<int64_t>(1, s.constant()) : 1;
  };
  Work work;
  work.outer = known(spec.batch) * spec.groups * known(spec.axes[0].output);
  for (const SpatialAxis& axis : spec.axes)
    if (axis.phases) work.outer *= axis.phases->count;
  work.units = units_of(spec, plan);
  work.panels = plan.panels;
  work.flops_per_unit_panel = 2 * unit_pixels * steps * static_cast<double>(plan.nr());
  work.unit_bytes = unit_pixels * static_cast<double>(channels * size * spec.axes[2].stride *
                                                      spec.axes[1].stride);
  work.panel_bytes = steps * static_cast<double>(plan.nr() * size);
  work.staged = plan.staged;
  return work;
}

}  // namespace

ContractionPlan plan_convolution(const ConvolutionSpec& original, const VectorIsa& isa,
                                 std::optional<int> shared_vectors) {
  ContractionPlan plan;
  plan.flat = can_flatten(original);
  ConvolutionSpec spec = plan.flat ? flatten(original, nullptr) : original;
  plan.lanes = lanes_of(isa, spec.type);
  int64_t vectors = divide_up(spec.output_channels / spec.groups, plan.lanes);
  int64_t steps = taps_of(spec) * spec.channels / spec.groups;
  const Size& pixels = spec.axes[2].output;
  std::optional<int64_t> row;
  if (pixels.is_constant()) row = pixels.constant();
  TileShape tile =
      choose_tile(isa, plan.lanes, row, vectors, steps,
                  width_limit(spec.axes[2].input_stride, spec.axes[2], element_size(spec.type)),
                  shared_vectors);
  plan.width = tile.width;
  plan.vectors = tile.vectors;
  plan.panels = divide_up(vectors, plan.vectors);
  plan.staged = needs_staging(spec, plan);
  plan.staged_channels = spaced_channels(spec.channels / spec.groups, element_size(spec.type));
  TaskShape tasks = choose_tasks(work_of(spec, plan));
  plan.panels_per_task = tasks.panels;
  plan.units_per_task = tasks.units;
  if (plan.flat && !pixels.is_constant()) plan.units_per_task = int64_t{plan.width} * 8;
  return plan;
}

int64_t packed_weights_size(const ConvolutionSpec& spec, const ContractionPlan& plan) {
  return plan.panels * weight_taps(spec) * spec.channels * plan.nr();
}

int64_t packed_weight_index(const ConvolutionSpec& spec, const ContractionPlan& plan, int64_t o,
                            int64_t c, int64_t tap) {
  int64_t outputs = spec.output_channels / spec.groups, channels = spec.channels / spec.groups;
  int64_t group = o / outputs, og = o % outputs;
  int64_t panel = group * plan.panels + og / plan.nr();
  return ((panel * weight_taps(spec) + tap) * channels + c) * plan.nr() + og % plan.nr();
}

void pack_weights(const ConvolutionSpec& spec, const ContractionPlan& plan, const void* weights,
                  void* packed) {
  int64_t channels = spec.channels / spec.groups, taps = weight_taps(spec);
  size_t size = element_size(spec.type);
  auto* from = static_cast<const char*>(weights);
  auto* to = static_cast<char*>(packed);
  std::memset(to, 0, packed_weights_size(spec, plan) * size);
  for (int64_t o = 0; o < spec.output_channels; ++o)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t tap = 0; tap < taps; ++tap, from += size)
        std::memcpy(to + packed_weight_index(spec, plan, o, c, tap) * size, from, size);
}

}  // namespace cnnc::codegen

#include "codegen/llvm/convolution_geometry.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

int64_t divide_up(int64_t x, int64_t y) { return (x + y - 1) / y; }

int64_t weight_taps(const SpatialAxis& axis) {
  return axis.phases ? axis.phases->taps : axis.kernel;
}

int64_t weight_taps(const ConvolutionSpec& spec) {
  return weight_taps(spec.axes[0]) * weight_taps(spec.axes[1]) * weight_taps(spec.axes[2]);
}

static bool reads_own_pixel(const SpatialAxis& axis) {
  return !axis.phases && axis.kernel == 1 && axis.stride == 1 && axis.pad_begin == 0 && axis.pad_end == 0;
}

// Steps along `outer` continue where a whole run along `inner` ends.
static bool follows(const SpatialAxis& outer, const SpatialAxis& inner) {
  if (outer.output.is(1)) return true;
  const Size &count = inner.output, &in = inner.input_stride, &out = inner.output_stride;
  if (!count.is_constant() || !in.is_constant() || !out.is_constant()) return false;
  return outer.input_stride.is(in.constant() * count.constant()) &&
         outer.output_stride.is(out.constant() * count.constant());
}

bool can_flatten(const ConvolutionSpec& spec) {
  const auto& [depth, height, width] = spec.axes;
  if (!reads_own_pixel(depth) || !reads_own_pixel(height) || !reads_own_pixel(width)) return false;
  if (depth.output.is(1) && height.output.is(1)) return true;
  if (spec.dense_pixels) return true;
  if (!follows(height, width)) return false;
  if (depth.output.is(1)) return true;
  return height.output.is_constant() && width.output.is_constant() &&
         depth.input_stride.is_constant() && width.input_stride.is_constant() &&
         depth.input_stride.constant() ==
             width.input_stride.constant() * height.output.constant() * width.output.constant() &&
         depth.output_stride.is(width.output_stride.constant() * height.output.constant() *
                                width.output.constant());
}

static Size product(IRBuilderBase* b, const Size& x, const Size& y) {
  if (x.is_constant() && y.is_constant()) return x.constant() * y.constant();
  return b ? Size(mul(*b, x.emit(*b), y.emit(*b))) : Size::runtime();
}

ConvolutionSpec flatten(const ConvolutionSpec& spec, IRBuilderBase* builder) {
  ConvolutionSpec result = spec;
  const auto& [depth, height, width] = spec.axes;
  Size pixels = product(builder, product(builder, depth.output, height.output), width.output);
  result.axes = {SpatialAxis{}, SpatialAxis{}, width};
  result.axes[2].input = result.axes[2].output = pixels;
  return result;
}

bool needs_padding(const SpatialAxis& axis) {
  if (axis.pad_begin != 0) return true;
  if (!axis.output.is_constant() || !axis.input.is_constant()) return axis.pad_end != 0;
  int64_t last = (axis.output.constant() - 1) * axis.stride + (axis.kernel - 1) * axis.dilation;
  return last >= axis.input.constant();
}

static std::vector<uint64_t> valid_columns(const SpatialAxis& axis, int64_t first, int width,
                                           bool all_valid) {
  std::vector<uint64_t> columns(axis.kernel, 0);
  for (int64_t kernel = 0; kernel < axis.kernel; ++kernel)
    for (int i = 0; i < width; ++i) {
      int64_t place = (first + i) * axis.stride + kernel * axis.dilation - axis.pad_begin;
      if (all_valid || (place >= 0 && place < axis.input.constant()))
        columns[kernel] |= uint64_t{1} << i;
    }
  return columns;
}

std::vector<PixelRun> pixel_runs(const SpatialAxis& axis, int width, bool zero_borders) {
  bool all_valid = zero_borders || !needs_padding(axis);
  int64_t pixels = axis.output.constant();
  int64_t tiles = divide_up(pixels, width);
  std::vector<PixelRun> runs;
  for (int64_t tile = 0, first = 0; tile < tiles; ++tile) {
    int size = static_cast<int>(pixels / tiles + (tile < pixels % tiles));
    auto columns = valid_columns(axis, first, size, all_valid);
    if (!runs.empty() && runs.back().width == size && runs.back().columns == columns)
      ++runs.back().tiles;
    else
      runs.push_back({first, 1, size, std::move(columns)});
    first += size;
  }
  return runs;
}

IndexRange tap_range(IRBuilderBase& b, const SpatialAxis& axis, Value* position) {
  if (!needs_padding(axis)) return {b.getInt64(0), b.getInt64(axis.kernel)};
  // The input position under tap 0 is -before.
  Value* before = sub(b, b.getInt64(axis.pad_begin), mul(b, position, axis.stride));
  Value* zero = b.getInt64(0);
  Value* first = ceil_div(b, max(b, before, zero), axis.dilation);
  Value* inside = max(b, add(b, before, axis.input.emit(b)), zero);
  Value* last = min(b, ceil_div(b, inside, axis.dilation), b.getInt64(axis.kernel));
  return {first, last};
}

void emit_runs(IRBuilderBase& b, IndexRange pixels, int width,
               llvm::function_ref<void(Value*, Value*, int)> run) {
  Value* first = pixels.begin;
  for (int size = width; size > 0; size = size > 4 ? (size > 8 ? 4 : 1) : size > 1 ? 1 : 0) {
    Value* tiles = div(b, b.CreateSub(pixels.end, first), b.getInt64(size));
    run(first, tiles, size);
    first = add(b, first, mul(b, tiles, size));
  }
}

}  // namespace cnnc::codegen

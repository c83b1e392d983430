// Convolution by Winograd's filtering. A task brings the patches under a block of tiles to the points, and then for each panel
// of output channels: multiplies them there with the filters, a matrix product for each point, and brings the sums back.
// Filters come to the points in the kernel, so that weights take no more memory than they are.
#include <llvm/IR/Constants.h>
#include <llvm/Support/MathExtras.h>

#include <algorithm>

#include "codegen/llvm/blocking.h"
#include "codegen/llvm/convolution_geometry.h"
#include "codegen/llvm/output_phases.h"
#include "codegen/llvm/winograd.h"
#include "codegen/llvm/winograd_parts.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

// Whether it takes fewer cycles than the direct sum, by a model of the core with one multiplication a cycle.
bool is_faster(const ConvolutionSpec& spec, int lanes) {
  constexpr double kInputTransform = 64, kOutputTransform = 90;  // of a vector of channels, with its loads and stores
  constexpr double kFilterCycles = 60;  // for a vector of filters, once
  constexpr double kTaps = 9, kMargin = 1.1;
  const auto inputs = static_cast<double>(divide_up(spec.channels, lanes));
  const auto sums = static_cast<double>(divide_up(spec.output_channels, lanes));
  const auto pairs = static_cast<double>(spec.channels) * sums;
  const auto batch = static_cast<double>(spec.batch.is_constant() ? spec.batch.constant() : 1);
  const auto tiles = batch * static_cast<double>(grid_of(spec).of_image());
  const auto pixels = batch * static_cast<double>(spec.axes[1].output.constant() * spec.axes[2].output.constant());
  const double at_points =
      tiles * (kPoints * pairs + kInputTransform * inputs + kOutputTransform * sums) + kFilterCycles * pairs;
  return at_points * kMargin < pixels * kTaps * pairs;
}

class Emitter {
 public:
  Emitter(IRBuilderBase& b, const ConvolutionSpec& spec, const WinogradPlan& plan, const VectorIsa& isa,
          const KernelOperands& operands, const Epilogue& epilogue)
      : b_(b),
        spec_(spec),
        plan_(plan),
        isa_(isa),
        operands_(operands),
        epilogue_(epilogue),
        parts_(spec, plan, isa),
        element_(element_type(b, spec.type)),
        vector_(llvm::FixedVectorType::get(element_, static_cast<unsigned>(plan.lanes))) {}

  Value* tile_count() { return mul(b_, spec_.batch.emit(b_), parts_.grid().of_image()); }

  Value* block_count() { return ceil_div(b_, tile_count(), plan_.block); }

  int64_t blocks_of_panels() const { return divide_up(plan_.panels, plan_.panels_per_task); }

  // A row of zeros, which stands for pixels outside of the image, then the patches, the sums of a panel and the filters.
  int64_t zeros_elements() const { return parts_.patches().channels; }
  int64_t panel_elements() const { return kPoints * parts_.filter_point(); }
  int64_t scratch_elements() const {
    return filters_offset() + (plan_.resident ? plan_.panels : 1) * panel_elements();
  }

  void emit() {
    b_.CreateMemSet(operands_.scratch, b_.getInt8(0), number(zeros_elements() * element_size(spec_.type)),
                    llvm::MaybeAlign(64));
    if (plan_.resident)
      emit_loop(b_, number(0), number(plan_.panels), 1, [&](Value* panel) { emit_filters(panel); });
    emit_loop(b_, operands_.begin, operands_.end, 1, [&](Value* task) {
      const std::vector<Value*> part = unflatten(b_, task, {block_count(), number(blocks_of_panels())});
      Value* first = mul(b_, part[0], plan_.block);
      Value* tiles = min(b_, sub(b_, tile_count(), first), number(plan_.block));
      parts_.call_patches(b_, operands_.shared_function, operands_.input, spec_.input_batch_stride.emit(b_), operands_.scratch,
                          patches(), first, tiles);
      Value* panel = mul(b_, part[1], plan_.panels_per_task);
      Value* last = min(b_, add(b_, panel, plan_.panels_per_task), number(plan_.panels));
      emit_loop(b_, panel, last, 1, [&](Value* index) { emit_panel(index, first, tiles); });
    });
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }
  Value* patches() { return at(operands_.scratch, number(zeros_elements())); }
  int64_t filters_offset() const { return zeros_elements() + parts_.patches().elements() + parts_.sums().elements(); }
  Value* filters(Value* panel) {
    return at(operands_.scratch, add(b_, mul(b_, panel, plan_.resident ? panel_elements() : 0), filters_offset()));
  }
  Value* sums() { return at(operands_.scratch, number(zeros_elements() + parts_.patches().elements())); }
  const SpatialAxis& height() const { return spec_.axes[1]; }
  const SpatialAxis& width() const { return spec_.axes[2]; }

  void emit_filters(Value* panel) {
    constexpr int64_t kTaps = 9;
    Value* from = at(operands_.weights, mul(b_, panel, kTaps * spec_.channels * plan_.nr()));
    parts_.call_filters(b_, operands_.shared_function, from, filters(panel));
  }

  void emit_panel(Value* panel, Value* first, Value* tiles) {
    if (!plan_.resident) emit_filters(panel);
    parts_.call_products(b_, operands_.shared_function, patches(), filters(panel), sums(), tiles);
    emit_loop(b_, number(0), tiles, 1, [&](Value* tile) { emit_results(panel, first, tile); });
  }

  // The sums of a tile from the points to results.
  void emit_results(Value* panel, Value* first, Value* tile) {
    const auto [image, row, column] = place_of_tile(b_, parts_.grid(), add(b_, first, tile));
    Value* from = hide_from_loop_passes(b_, at(sums(), mul(b_, tile, parts_.sums().channels)));
    TileOutput out;
    out.base = operands_.output;
    out.batch = image;
    out.pixel_stride = width().output_stride.emit(b_);
    Value* first_channel = mul(b_, panel, plan_.nr());
    const auto emit_vector = [&](Value* in_panel, Value* mask) {
      out.channel = add(b_, first_channel, in_panel);
      out.masks = {mask};
      Value* first_point = hide_from_loop_passes(b_, at(from, in_panel));
      Values points;
      for (int64_t p = 0; p < kPoints; ++p)
        points.push_back(load_lanes(b_, vector_, at(first_point, number(p * parts_.sums().point)), nullptr));
      Values results = map_patch(b_, kPointsToResults, points);
      if (operands_.bias)
        for (Value*& result : results)
          result = b_.CreateFAdd(result, load_lanes(b_, vector_, at(operands_.bias, out.channel), mask));
      store_results(out, row, column, results);
    };
    if (spec_.output_channels % plan_.nr() == 0)
      return emit_loop(b_, number(0), number(plan_.nr()), plan_.lanes, [&](Value* in_panel) { emit_vector(in_panel, nullptr); });
    for (int v = 0; v < plan_.vectors; ++v)
      emit_vector(number(int64_t{v} * plan_.lanes),
                  panel_mask(b_, plan_.lanes, plan_.vectors, spec_.output_channels, first_channel, v));
  }

  // Stores the results that are inside of the image.
  void store_results(TileOutput out, Value* tile_row, Value* tile_column, const Values& results) {
    const int64_t row_stride = height().output_stride.constant(), column_stride = width().output_stride.constant();
    Value *first_row = mul(b_, tile_row, kWinogradResults), *first_column = mul(b_, tile_column, kWinogradResults);
    Value* first = add(b_, mul(b_, out.batch, spec_.output_batch_stride.emit(b_)), out.channel);
    first = add(b_, first, add(b_, mul(b_, first_row, row_stride), mul(b_, first_column, column_stride)));
    first = hide_from_loop_passes(b_, first);
    Value* first_pixel = add(b_, mul(b_, first_row, width().output.constant()), first_column);
    for (int r = 0; r < kWinogradResults; ++r)
      for (int c = 0; c < kWinogradResults; ++c) {
        Value *row = add(b_, first_row, r), *column = add(b_, first_column, c);
        const auto store = [&] {
          out.offset = add(b_, first, r * row_stride + c * column_stride);
          out.pixel = add(b_, first_pixel, r * width().output.constant() + c);
          out.position = {number(0), row, column};
          emit_tile_stores(b_, 1, 1, {results[static_cast<size_t>(r * kWinogradResults + c)]}, out, epilogue_);
        };
        Value* inside = nullptr;
        const auto require = [&](Value* index, const SpatialAxis& axis, int i) {
          if (i + 1 < kWinogradResults || axis.output.constant() % kWinogradResults == 0) return;
          Value* is_inside = b_.CreateICmpSLT(index, number(axis.output.constant()));
          inside = inside ? b_.CreateAnd(inside, is_inside) : is_inside;
        };
        require(row, height(), r);
        require(column, width(), c);
        if (inside) emit_if(b_, inside, store);
        else store();
      }
  }

  IRBuilderBase& b_;
  const ConvolutionSpec& spec_;
  const WinogradPlan& plan_;
  VectorIsa isa_;
  KernelOperands operands_;
  Epilogue epilogue_;
  WinogradParts parts_;
  llvm::Type* element_;
  llvm::FixedVectorType* vector_;
};

std::optional<std::string> shape_refusal(const ConvolutionSpec& spec) {
  const SpatialAxis& depth = spec.axes[0];
  if (!depth.output.is(1) || depth.kernel != 1) return "it has a depth";
  for (const int i : {1, 2}) {
    const SpatialAxis& axis = spec.axes[static_cast<size_t>(i)];
    const bool one_phase = !axis.phases || (axis.phases->count == 1 && axis.phases->step == 1);
    if (axis.kernel != 3 || axis.stride != 1 || axis.dilation != 1 || !one_phase)
      return "its windows are not 3 x 3 of stride and dilation 1";
    if (!axis.input.is_constant() || !axis.output.is_constant() || !axis.input_stride.is_constant() ||
        !axis.output_stride.is_constant())
      return "its images have a symbolic size";
  }
  if (spec.groups != 1) return "it has groups";
  if (!spec.channel_stride.is(1)) return "its input channels are not neighbours in memory";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> winograd_refusal(const ConvolutionSpec& spec, const VectorIsa& isa) {
  if (auto refusal = shape_refusal(spec)) return refusal;
  if (!is_faster(spec, lanes_of(isa, spec.type)))
    return "with so few channels or pixels it is no faster than the direct sum";
  return std::nullopt;
}

WinogradPlan plan_winograd(const ConvolutionSpec& spec, const VectorIsa& isa) {
  constexpr int64_t kCacheShare = 320 << 10;
  WinogradPlan plan;
  plan.lanes = lanes_of(isa, spec.type);
  const int64_t of_image = grid_of(spec).of_image(), vectors = divide_up(spec.output_channels, plan.lanes);
  std::optional<int64_t> tiles;
  if (spec.batch.is_constant()) tiles = std::max<int64_t>(1, spec.batch.constant() * of_image);
  const TileShape tile = choose_tile(isa, plan.lanes, tiles, vectors, spec.channels, 28);
  plan.width = tile.width;
  plan.vectors = tile.vectors;
  plan.panels = divide_up(vectors, plan.vectors);
  constexpr int64_t kFilterShare = 512 << 10;
  plan.resident = kPoints * spec.channels * plan.panels * plan.nr() * element_size(spec.type) <= kFilterShare;
  const int64_t tile_bytes = kPoints * (spec.channels + plan.nr()) * element_size(spec.type);
  int64_t groups = std::clamp<int64_t>(kCacheShare / (tile_bytes * plan.width), 1, 16);
  // Even blocks, and at least as many tasks as a few threads want.
  constexpr int64_t kFewTasks = 4;
  if (tiles) {
    const int64_t all = divide_up(*tiles, plan.width);
    const int64_t blocks = std::max(divide_up(all, groups), std::min(all, kFewTasks));
    groups = divide_up(all, blocks);
    plan.panels_per_task = divide_up(plan.panels, std::min(plan.panels, divide_up(kFewTasks, divide_up(all, groups))));
  } else {
    plan.panels_per_task = plan.panels;
  }
  plan.block = groups * plan.width;
  return plan;
}

Value* emit_winograd_tasks(IRBuilderBase& b, const ConvolutionSpec& spec, const WinogradPlan& plan) {
  Emitter emitter(b, spec, plan, {}, {}, nullptr);
  return mul(b, emitter.block_count(), emitter.blocks_of_panels());
}

int64_t winograd_scratch(IRBuilderBase& b, const ConvolutionSpec& spec, const WinogradPlan& plan) {
  return Emitter(b, spec, plan, {}, {}, nullptr).scratch_elements() * element_size(spec.type);
}

void emit_winograd(IRBuilderBase& b, const ConvolutionSpec& spec, const WinogradPlan& plan, const VectorIsa& isa,
                   const KernelOperands& operands, const Epilogue& epilogue) {
  Emitter(b, spec, plan, isa, operands, epilogue).emit();
}

}  // namespace cnnc::codegen

// Convolution with packed weights, or a part of a transposed one: the phases whose outputs are found
// alike. A task is a band of rows (or of pixels, where all pixels form
// one row) times a block of weight panels:
//
//   stage the input of the band, where that pays
//   for each panel of the block: for each row of the band: for each tile of the row: sum, store
#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/llvm/convolution_geometry.h"
#include "codegen/llvm/output_phases.h"
#include "codegen/llvm/staging.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

// Weights of this many bytes come from beyond the second-level cache; panels that this many pixels
// share are fetched ahead.
constexpr int64_t kLargeWeights = 512 << 10;
constexpr int64_t kFewPixels = 512;

// How pixels and taps are found, in the tensor itself or in its staged copy.
struct InputView {
  Value* base = nullptr;  // of output position `origin`, tap 0
  Value* row_origin = nullptr;
  Value* pixel_origin = nullptr;
  Value* row_stride = nullptr;  // between output rows
  Value* pixel_stride = nullptr;
  Value* channel_stride = nullptr;
  std::array<Value*, 3> tap_strides{};
};

struct Task {
  Value* image = nullptr;
  Phase phase{};
  Value* group = nullptr;
  Value* plane = nullptr;
  IndexRange panels{};
  IndexRange units{};
};

struct Panel {
  Value* weights = nullptr;
  Value* channel = nullptr;   // first output channel of all groups
  std::vector<Value*> masks;  // empty when all lanes exist
  Values initial;             // one vector of sums for each vector of channels
};

struct Row {
  Value* plane = nullptr;
  Value* row = nullptr;  // null when flat
  Value* input = nullptr;
  Value* output_offset = nullptr;
  Value* first_pixel = nullptr;  // index in the image of pixel 0 of the row
  IndexRange depth_taps{}, height_taps{};
};

class ConvolutionEmitter {
 public:
  ConvolutionEmitter(IRBuilderBase& b, const ConvolutionSpec& spec, const ContractionPlan& plan,
                     const VectorIsa& isa, const KernelOperands& operands, const Epilogue& epilogue)
      : b_(b),
        spec_(plan.flat ? flatten(spec, &b) : spec),
        plan_(plan),
        isa_(isa),
        operands_(operands),
        epilogue_(epilogue),
        element_(element_type(b, spec.type)),
        vector_(llvm::FixedVectorType::get(element_, plan.lanes)) {}

  std::vector<Value*> task_extents() {
    return {spec_.batch.emit(b_),
            number(phase_count(axis(0))),
            number(phase_count(axis(1))),
            number(phase_count(axis(2))),
            number(spec_.groups),
            number(divide_up(plan_.panels, plan_.panels_per_task)),
            axis(0).output.emit(b_),
            ceil_div(b_, units(), plan_.units_per_task)};
  }

  Value* scratch_bytes() {
    if (!plan_.staged) return number(0);
    Value* pixels = mul(b_, staged_columns(number(0), band_pixels()).count,
                        mul(b_, staged_rows(number(0)).count, axis(0).kernel));
    return mul(b_, pixels, plan_.staged_channels * element_size(spec_.type));
  }

  void emit() {
    auto extents = task_extents();
    emit_loop(b_, operands_.begin, operands_.end, 1,
              [&](Value* index) { emit_task(task_of(unflatten(b_, index, extents))); });
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(value); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }
  const SpatialAxis& axis(int i) const { return spec_.axes[i]; }
  int64_t channels() const { return spec_.channels / spec_.groups; }
  int64_t tap_size() const { return channels() * plan_.nr(); }
  int64_t panel_elements() const { return weight_taps(spec_) * tap_size(); }
  int64_t outputs() const { return spec_.output_channels / spec_.groups; }
  bool pixel_tiles() const { return axis(2).output.is_constant(); }

  Value* units() {
    if (!plan_.flat) return axis(1).output.emit(b_);
    if (!pixel_tiles()) return axis(2).output.emit(b_);
    return number(tiles());
  }

  // Tiles of a row of constant size, and the pixel where tile t begins: the first ones are wider by
  // one.
  int64_t tiles() const { return divide_up(axis(2).output.constant(), plan_.width); }
  int64_t narrow() const { return axis(2).output.constant() / std::max<int64_t>(1, tiles()); }
  int64_t wide_tiles() const { return axis(2).output.constant() % std::max<int64_t>(1, tiles()); }
  Value* tile_begin(Value* tile) {
    return add(b_, mul(b_, tile, narrow()), min(b_, tile, number(wide_tiles())));
  }

  // Largest number of pixels of a row that a task covers.
  Value* band_pixels() {
    if (!plan_.flat) return axis(2).output.emit(b_);
    return number(pixel_tiles() ? plan_.units_per_task * (narrow() + 1) : plan_.units_per_task);
  }

  Task task_of(const std::vector<Value*>& index) {
    auto slice = [&](Value* i, int64_t size, Value* count) {
      Value* begin = mul(b_, i, size);
      return IndexRange{begin, min(b_, add(b_, begin, size), count)};
    };
    return {index[0],
            {index[1], index[2], index[3]},
            index[4],
            index[6],
            slice(index[5], plan_.panels_per_task, number(plan_.panels)),
            slice(index[7], plan_.units_per_task, units())};
  }

  void emit_task(const Task& task) {
    InputView view = plan_.staged ? staged_view(task) : direct_view(task);
    emit_loop(b_, task.panels.begin, task.panels.end, 1, [&](Value* index) {
      Panel panel = panel_of(task, index);
      if (plan_.flat)
        emit_flat_band(task, view, panel);
      else
        emit_loop(b_, task.units.begin, task.units.end, 1,
                  [&](Value* row) { emit_row(task, view, panel, row); });
    });
  }

  // Input of the task's image and group.
  Value* task_input(const Task& task) {
    Value* channel = mul(b_, task.group, mul(b_, spec_.channel_stride.emit(b_), channels()));
    return at(operands_.input,
              add(b_, mul(b_, task.image, spec_.input_batch_stride.emit(b_)), channel));
  }

  InputView direct_view(const Task& task) {
    InputView view;
    Value* offset = number(0);
    for (int i = 0; i < 3; ++i) {
      Value* stride = axis(i).input_stride.emit(b_);
      view.tap_strides[i] = mul(b_, stride, axis(i).dilation);
      offset = add(b_, offset, mul(b_, stride, -axis(i).pad_begin));
    }
    Value* plane = mul(b_, task.plane, axis(0).stride);
    offset = add(b_, offset, mul(b_, plane, axis(0).input_stride.emit(b_)));
    view.base = at(task_input(task), offset);
    view.row_origin = view.pixel_origin = number(0);
    view.row_stride = mul(b_, axis(1).input_stride.emit(b_), axis(1).stride);
    view.pixel_stride = mul(b_, axis(2).input_stride.emit(b_), axis(2).stride);
    view.channel_stride = spec_.channel_stride.emit(b_);
    return view;
  }

  // Where an axis has no window, only every stride-th position is staged.
  static int64_t staged_step(const SpatialAxis& a) { return a.kernel == 1 ? a.stride : 1; }

  StagedAxis staged_axis(const SpatialAxis& a, Value* first_output, Value* outputs) {
    int64_t step = staged_step(a);
    StagedAxis staged;
    staged.first = sub(b_, mul(b_, first_output, a.stride), number(a.pad_begin));
    staged.step = step;
    staged.count = add(b_, mul(b_, sub(b_, outputs, number(1)), a.stride / step),
                       (a.kernel - 1) * a.dilation + 1);
    staged.input_size = a.input.emit(b_);
    staged.input_stride = a.input_stride.emit(b_);
    return staged;
  }

  StagedAxis staged_rows(Value* first_row) {
    return staged_axis(axis(1), first_row, number(plan_.flat ? 1 : plan_.units_per_task));
  }

  StagedAxis staged_columns(Value* first_pixel, Value* pixels) {
    return staged_axis(axis(2), first_pixel, pixels);
  }

  StagedAxis staged_planes(Value* plane) {
    StagedAxis planes = staged_axis(axis(0), plane, number(1));
    planes.step = axis(0).dilation;
    planes.count = number(axis(0).kernel);
    return planes;
  }

  InputView staged_view(const Task& task) {
    InputView view;
    view.row_origin = plan_.flat ? number(0) : task.units.begin;
    view.pixel_origin = number(0);
    Value* pixels = band_pixels();
    if (plan_.flat) {
      IndexRange range = flat_range(task);
      view.pixel_origin = range.begin;
      pixels = b_.CreateSub(range.end, range.begin);
    }
    StagedBlock block;
    block.element = element_;
    block.lanes = plan_.lanes;
    block.axes = {staged_planes(task.plane), staged_rows(view.row_origin),
                  staged_columns(view.pixel_origin, pixels)};
    block.input = task_input(task);
    block.channel_stride = spec_.channel_stride.emit(b_);
    block.channels = channels();
    block.pixel_stride = plan_.staged_channels;
    block.scratch = operands_.scratch;
    emit_staging(b_, block);
    set_staged_strides(view, block);
    return view;
  }

  void set_staged_strides(InputView& view, const StagedBlock& block) {
    Value* pixel = number(plan_.staged_channels);
    Value* row = mul(b_, block.axes[2].count, pixel);
    view.base = block.scratch;
    view.channel_stride = number(1);
    view.pixel_stride = mul(b_, pixel, axis(2).stride / staged_step(axis(2)));
    view.row_stride = mul(b_, row, axis(1).stride / staged_step(axis(1)));
    view.tap_strides = {mul(b_, row, block.axes[1].count), mul(b_, row, axis(1).dilation),
                        mul(b_, pixel, axis(2).dilation)};
  }

  Panel panel_of(const Task& task, Value* index) {
    Panel panel;
    Value* flat_index = add(b_, mul(b_, task.group, plan_.panels), index);
    panel.weights = at(operands_.weights, add(b_, mul(b_, flat_index, panel_elements()),
                                              first_weight(b_, spec_, task.phase, tap_size())));
    Value* first = mul(b_, index, plan_.nr());
    panel.channel = add(b_, mul(b_, task.group, outputs()), first);
    if (outputs() % plan_.nr() != 0)
      for (int j = 0; j < plan_.vectors; ++j)
        panel.masks.push_back(panel_mask(b_, plan_.lanes, plan_.vectors, outputs(), first, j));
    for (int j = 0; j < plan_.vectors; ++j) panel.initial.push_back(initial_sum(panel, j));
    return panel;
  }

  Value* initial_sum(const Panel& panel, int j) {
    if (!operands_.bias) return llvm::Constant::getNullValue(vector_);
    Value* place = at(operands_.bias, add(b_, panel.channel, int64_t{j} * plan_.lanes));
    return load_lanes(b_, vector_, place, panel.masks.empty() ? nullptr : panel.masks[j]);
  }

  Value* output_offset(const Task& task, const Panel& panel, Value* row) {
    Value* offset = add(b_, mul(b_, task.image, spec_.output_batch_stride.emit(b_)),
                        mul(b_, task.plane, axis(0).output_stride.emit(b_)));
    if (row) offset = add(b_, offset, mul(b_, row, axis(1).output_stride.emit(b_)));
    offset = add(b_, offset, first_result(b_, spec_, task.phase));
    return add(b_, offset, panel.channel);
  }

  Value* position(const Task& task, int i, Value* index) {
    return result_position(b_, axis(i), task.phase[i], index);
  }

  void emit_row(const Task& task, const InputView& view, const Panel& panel, Value* index) {
    Row row;
    row.plane = task.plane;
    row.row = index;
    Value* from_origin = sub(b_, index, view.row_origin);
    row.input = at(view.base, mul(b_, from_origin, view.row_stride));
    row.output_offset = output_offset(task, panel, index);
    Value* row_number = add(b_, mul(b_, position(task, 0, task.plane), result_positions(b_, axis(1))),
                            position(task, 1, index));
    row.first_pixel = mul(b_, row_number, result_positions(b_, axis(2)));
    row.depth_taps = tap_range(b_, axis(0), task.plane);
    row.height_taps = tap_range(b_, axis(1), index);
    if (!pixel_tiles())
      return emit_pixels(task, view, panel, row, {number(0), axis(2).output.emit(b_)});
    // Results without a tap are not worth the code of a tile.
    if (axis(0).kernel * axis(1).kernel * axis(2).kernel == 0)
      return emit_run(task, view, panel, row, number(0), axis(2).output.emit(b_), 1, all_pixels(1));
    for (const PixelRun& run : pixel_runs(axis(2), plan_.width, plan_.staged))
      emit_run(task, view, panel, row, number(run.first), number(run.tiles), run.width,
               run.columns);
  }

  IndexRange flat_range(const Task& task) {
    if (!pixel_tiles()) return task.units;
    return {tile_begin(task.units.begin), tile_begin(task.units.end)};
  }

  void emit_flat_band(const Task& task, const InputView& view, const Panel& panel) {
    Row row;
    row.plane = number(0);
    row.input = view.base;
    row.output_offset = output_offset(task, panel, nullptr);
    row.first_pixel = number(0);
    row.depth_taps = row.height_taps = {number(0), number(1)};
    if (!pixel_tiles()) return emit_pixels(task, view, panel, row, task.units);
    auto [begin, end] = task.units;
    Value* split = min(b_, max(b_, number(wide_tiles()), begin), end);
    if (wide_tiles() > 0)
      emit_run(task, view, panel, row, tile_begin(begin), b_.CreateSub(split, begin), narrow() + 1,
               all_pixels(narrow() + 1));
    if (narrow() > 0)
      emit_run(task, view, panel, row, tile_begin(split), b_.CreateSub(end, split), narrow(),
               all_pixels(narrow()));
  }

  std::vector<uint64_t> all_pixels(int64_t width) const {
    return std::vector<uint64_t>(axis(2).kernel, (uint64_t{1} << width) - 1);
  }

  void emit_pixels(const Task& task, const InputView& view, const Panel& panel, const Row& row,
                   IndexRange pixels) {
    emit_runs(b_, pixels, plan_.width, [&](Value* first, Value* count, int width) {
      emit_run(task, view, panel, row, first, count, width, all_pixels(width));
    });
  }

  void emit_run(const Task& task, const InputView& view, const Panel& panel, const Row& row,
                Value* first, Value* count, int64_t width, const std::vector<uint64_t>& columns) {
    emit_loop(b_, number(0), count, 1, [&](Value* index) {
      Value* pixel = add(b_, first, mul(b_, index, width));
      Tile tile = tile_of(view, panel, row, pixel, static_cast<int>(width));
      tile.columns = columns;
      tile.prefetch = prefetch_streams(task, row, pixel, tile);
      Values sums;
      for (int i = 0; i < tile.width; ++i) sums.append(panel.initial.begin(), panel.initial.end());
      store(task, panel, row, pixel, tile, emit_tile(b_, isa_, tile, sums));
    });
  }

  // Pixels of the next tile, where they follow in memory, and an even part of the next panel.
  std::vector<PrefetchStream> prefetch_streams(const Task& task, const Row& row, Value* pixel,
                                               const Tile& tile) {
    std::vector<PrefetchStream> streams;
    int64_t size = element_size(spec_.type);
    if (plan_.flat && !plan_.staged && constant_of(tile.pixel_stride) == channels())
      streams.push_back({at(tile.input, number(channels() * tile.width)), tile.width * size, 3});
    auto pixels = constant_of(band_pixels());
    if (!pixels) return streams;
    int64_t band = *pixels * (plan_.flat ? 1 : plan_.units_per_task);
    int64_t panel = panel_elements();
    if (panel * plan_.panels * size < kLargeWeights || band > kFewPixels || band < 2 * tile.width)
      return streams;
    Value* done = plan_.flat ? sub(b_, pixel, flat_range(task).begin)
                             : add(b_, mul(b_, sub(b_, row.row, task.units.begin), *pixels), pixel);
    Value* part = mul(b_, done, divide_up(panel, band));
    streams.push_back({at(tile.weights, add(b_, part, panel)),
                       divide_up(plan_.nr() * size * tile.width, band), 2});
    return streams;
  }

  Tile tile_of(const InputView& view, const Panel& panel, const Row& row, Value* pixel, int width) {
    Tile tile;
    tile.width = width;
    tile.vectors = plan_.vectors;
    tile.input = at(row.input, mul(b_, sub(b_, pixel, view.pixel_origin), view.pixel_stride));
    tile.pixel_stride = view.pixel_stride;
    tile.channel_stride = view.channel_stride;
    tile.tap_strides = view.tap_strides;
    tile.weights = panel.weights;
    tile.step_stride = number(plan_.nr());
    tile.depth_taps = row.depth_taps;
    tile.height_taps = row.height_taps;
    for (int i = 0; i < 3; ++i)
      tile.weight_strides[i] = number(weight_stride(spec_, i, tap_size()));
    tile.channels = number(channels());
    return tile;
  }

  void store(const Task& task, const Panel& panel, const Row& row, Value* pixel, const Tile& tile,
             const Values& sums) {
    TileOutput out;
    out.base = operands_.output;
    out.pixel_stride = axis(2).output_stride.emit(b_);
    out.offset = hide_from_loop_passes(b_, add(b_, row.output_offset, mul(b_, pixel, out.pixel_stride)));
    out.masks = panel.masks;
    out.batch = task.image;
    Value* column = position(task, 2, pixel);
    out.pixel = add(b_, row.first_pixel, column);
    out.pixel_step = result_step(axis(2));
    out.channel = panel.channel;
    if (row.row)
      out.position = {position(task, 0, row.plane), position(task, 1, row.row), column};
    emit_tile_stores(b_, tile.width, tile.vectors, sums, out, epilogue_);
  }

  IRBuilderBase& b_;
  ConvolutionSpec spec_;
  const ContractionPlan& plan_;
  VectorIsa isa_;
  KernelOperands operands_;
  Epilogue epilogue_;
  llvm::Type* element_;
  llvm::Type* vector_;
};

}  // namespace

Value* emit_convolution_tasks(IRBuilderBase& b, const ConvolutionSpec& spec,
                              const ContractionPlan& plan) {
  ConvolutionEmitter emitter(b, spec, plan, {}, {}, nullptr);
  Value* count = b.getInt64(1);
  for (Value* extent : emitter.task_extents()) count = mul(b, count, extent);
  return count;
}

Value* emit_convolution_scratch(IRBuilderBase& b, const ConvolutionSpec& spec,
                                const ContractionPlan& plan) {
  return ConvolutionEmitter(b, spec, plan, {}, {}, nullptr).scratch_bytes();
}

void emit_convolution(IRBuilderBase& b, const ConvolutionSpec& spec, const ContractionPlan& plan,
                      const VectorIsa& isa, const KernelOperands& operands,
                      const Epilogue& epilogue) {
  ConvolutionEmitter(b, spec, plan, isa, operands, epilogue).emit();
}

}  // namespace cnnc::codegen

// Depthwise convolution, transposed too, and narrow groups, channels last: vectors over output channels, several
// groups in one vector. A tile is a stretch of a row of pixels for one vector of channels; each row
// of taps slides over the input, so that every input vector is loaded once for all columns of the
// kernel. Where a group has several channels, a shuffle hands each lane the channel of its group
// that is due.
#include <llvm/IR/Constants.h>

#include <algorithm>
#include <cstring>

#include "codegen/llvm/blocking.h"
#include "codegen/llvm/convolution_geometry.h"
#include "codegen/llvm/output_phases.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

// Rows of taps as long as this are unrolled.
constexpr int64_t kUnrolledColumns = 9;
constexpr int64_t kCodeLimit = 1500;

// Without constant tiles, pixels at the border are computed one by one.
bool has_constant_tiles(const ConvolutionSpec& spec, int width) {
  const SpatialAxis& axis = spec.axes[2];
  if (!axis.output.is_constant() || !axis.input.is_constant()) return false;
  int64_t size = 0;
  for (const PixelRun& run : pixel_runs(axis, width, false)) size += run.width * axis.kernel;
  return axis.kernel <= kUnrolledColumns && size <= kCodeLimit;
}

// A row of output for a range of channel blocks; offsets are those of channel 0, pixel 0.
struct Row {
  Phase phase;
  Value *image, *plane, *row, *input, *output_offset;
  IndexRange blocks, depth_taps, height_taps;
};

// A stretch of a row for one block of channels.
struct Stretch {
  int width;
  Value *pixel, *channel, *mask, *input_mask, *weights, *input;
};

class DepthwiseEmitter {
 public:
  DepthwiseEmitter(IRBuilderBase& b, const ConvolutionSpec& spec, const DepthwisePlan& plan,
                   const VectorIsa& isa, const KernelOperands& operands, const Epilogue& epilogue)
      : b_(b),
        spec_(spec),
        plan_(plan),
        isa_(isa),
        operands_(operands),
        epilogue_(epilogue),
        element_(element_type(b, spec.type)),
        vector_(llvm::FixedVectorType::get(element_, plan.lanes)),
        input_vector_(llvm::FixedVectorType::get(element_, input_channels(plan.lanes))) {}

  std::vector<Value*> task_extents() {
    return {spec_.batch.emit(b_),
            number(phase_count(axis(0))),
            number(phase_count(axis(1))),
            number(phase_count(axis(2))),
            axis(0).output.emit(b_),
            ceil_div(b_, axis(1).output.emit(b_), plan_.rows_per_task),
            number(divide_up(plan_.blocks, plan_.blocks_per_task))};
  }

  void emit() {
    auto extents = task_extents();
    emit_loop(b_, operands_.begin, operands_.end, 1, [&](Value* index) {
      auto task = unflatten(b_, index, extents);
      IndexRange rows = slice(task[5], plan_.rows_per_task, axis(1).output.emit(b_));
      IndexRange blocks = slice(task[6], plan_.blocks_per_task, number(plan_.blocks));
      emit_task(task[0], {task[1], task[2], task[3]}, task[4], rows, blocks);
    });
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(value); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }
  const SpatialAxis& axis(int i) const { return spec_.axes[i]; }
  int64_t group_channels() const { return spec_.channels / spec_.groups; }
  int64_t group_outputs() const { return spec_.output_channels / spec_.groups; }
  // Input channels that the groups of so many output channels read.
  int64_t input_channels(int64_t outputs) const {
    return outputs / group_outputs() * group_channels();
  }
  Value* input_stride(int i) { return axis(i).input_stride.emit(b_); }

  IndexRange slice(Value* index, int64_t size, Value* count) {
    Value* begin = mul(b_, index, size);
    return {begin, min(b_, add(b_, begin, size), count)};
  }

  void emit_task(Value* image, const Phase& phase, Value* plane, IndexRange rows,
                 IndexRange blocks) {
    emit_loop(b_, rows.begin, rows.end, 1, [&](Value* index) {
      Row row = row_of(image, phase, plane, index);
      row.blocks = blocks;
      if (has_constant_tiles(spec_, plan_.width))
        emit_constant_tiles(row);
      else
        emit_pixels(row);
    });
  }

  Row row_of(Value* image, const Phase& phase, Value* plane, Value* index) {
    Row row{phase, image, plane, index, {}, {}, {}, {}, {}};
    Value* from = mul(b_, image, spec_.input_batch_stride.emit(b_));
    Value* positions[] = {plane, index, number(0)};
    for (int i = 0; i < 3; ++i) {
      Value* position = sub(b_, mul(b_, positions[i], axis(i).stride), number(axis(i).pad_begin));
      from = add(b_, from, mul(b_, position, input_stride(i)));
    }
    row.input = at(operands_.input, from);
    Value* to = mul(b_, image, spec_.output_batch_stride.emit(b_));
    to = add(b_, to, first_result(b_, spec_, phase));
    to = add(b_, to, mul(b_, plane, axis(0).output_stride.emit(b_)));
    row.output_offset = add(b_, to, mul(b_, index, axis(1).output_stride.emit(b_)));
    row.depth_taps = tap_range(b_, axis(0), plane);
    row.height_taps = tap_range(b_, axis(1), index);
    return row;
  }

  void emit_constant_tiles(const Row& row) {
    for (const PixelRun& run : pixel_runs(axis(2), plan_.width, false))
      emit_loop(b_, number(0), number(run.tiles), 1, [&](Value* index) {
        Value* pixel = add(b_, mul(b_, index, run.width), run.first);
        emit_stretch(row, pixel, run.width,
                     [&](const Stretch& tile, Value* input, Value* weights, const Values& sums) {
                       return sliding_taps(tile, input, weights, run, sums);
                     });
      });
  }

  // Pixels [first, last) have input under every column of the kernel; the others are clipped.
  void emit_pixels(const Row& row) {
    const SpatialAxis& a = axis(2);
    Value* zero = number(0);
    Value* count = a.output.emit(b_);
    Value* first =
        min(b_, ceil_div(b_, number(std::max<int64_t>(a.pad_begin, 0)), a.stride), count);
    int64_t reach = (a.kernel - 1) * a.dilation - a.pad_begin;
    Value* room = max(b_, add(b_, a.input.emit(b_), -reach), zero);
    Value* last = max(b_, min(b_, ceil_div(b_, room, a.stride), count), first);
    emit_loop(b_, zero, first, 1, [&](Value* pixel) { clipped_pixel(row, pixel); });
    Value* tiles = div(b_, b_.CreateSub(last, first), number(plan_.width));
    emit_loop(b_, zero, tiles, 1, [&](Value* tile) {
      whole_pixels(row, add(b_, first, mul(b_, tile, plan_.width)), plan_.width);
    });
    Value* rest = add(b_, first, mul(b_, tiles, plan_.width));
    emit_loop(b_, rest, last, 1, [&](Value* pixel) { whole_pixels(row, pixel, 1); });
    emit_loop(b_, last, count, 1, [&](Value* pixel) { clipped_pixel(row, pixel); });
  }

  void whole_pixels(const Row& row, Value* pixel, int width) {
    columns_of(row, pixel, width, {number(0), number(axis(2).kernel)});
  }

  void clipped_pixel(const Row& row, Value* pixel) {
    columns_of(row, pixel, 1, tap_range(b_, axis(2), pixel));
  }

  void columns_of(const Row& row, Value* pixel, int width, IndexRange columns) {
    emit_stretch(row, pixel, width,
                 [&](const Stretch& tile, Value* input, Value* weights, const Values& sums) {
                   return column_loop(tile, input, weights, columns, sums);
                 });
  }

  using TapRow =
      llvm::function_ref<Values(const Stretch&, Value* input, Value* weights, const Values& sums)>;

  // All blocks of channels of a few pixels, so that memory is read and written in order. The last
  // block gets code of its own when it is not full.
  void emit_stretch(const Row& row, Value* pixel, int width, TapRow tap_row) {
    int64_t whole = spec_.output_channels / plan_.lanes;
    int64_t rest = spec_.output_channels % plan_.lanes;
    Value* step = mul(b_, input_stride(2), axis(2).stride);
    Value* input = at(row.input, mul(b_, pixel, step));
    auto emit_block = [&](Value* block, Value* mask, Value* input_mask) {
      Stretch tile{width, pixel, mul(b_, block, plan_.lanes), mask, input_mask, {}, {}};
      // Frozen for the sake of loop strength reduction, as in tile.cpp.
      Value* first = mul(b_, tile.channel, weight_taps(spec_) * group_channels());
      tile.weights = b_.CreateFreeze(at(
          operands_.weights, add(b_, first, first_weight(b_, spec_, row.phase, tap_size()))));
      tile.input = b_.CreateFreeze(at(input, mul(b_, block, input_channels(plan_.lanes))));
      store(row, tile, sum_taps(row, tile, tap_row));
    };
    emit_loop(b_, row.blocks.begin, min(b_, row.blocks.end, number(whole)), 1,
              [&](Value* block) { emit_block(block, nullptr, nullptr); });
    if (whole == plan_.blocks) return;
    Value* mask = lane_mask(b_, plan_.lanes, number(rest));
    Value* input_mask =
        lane_mask(b_, static_cast<int>(input_channels(plan_.lanes)), number(input_channels(rest)));
    emit_loop(b_, max(b_, row.blocks.begin, number(whole)), row.blocks.end, 1,
              [&](Value* block) { emit_block(block, mask, input_mask); });
  }

  Values sum_taps(const Row& row, const Stretch& tile, TapRow tap_row) {
    auto plane = [&](Value* kd, const Values& plane_sums) {
      return emit_loop(
          b_, row.height_taps.begin, row.height_taps.end, 1, plane_sums,
          [&](Value* kh, const Values& sums) {
            Value* offset = add(b_, mul(b_, kd, mul(b_, input_stride(0), axis(0).dilation)),
                                mul(b_, kh, mul(b_, input_stride(1), axis(1).dilation)));
            Value* tap = add(b_, mul(b_, kd, weight_stride(spec_, 0, tap_size())),
                             mul(b_, kh, weight_stride(spec_, 1, tap_size())));
            return tap_row(tile, at(tile.input, offset), at(tile.weights, tap), sums);
          });
    };
    Values sums(tile.width, initial_sum(tile));
    return emit_loop(b_, row.depth_taps.begin, row.depth_taps.end, 1, sums, plane);
  }

  Value* initial_sum(const Stretch& tile) {
    if (!operands_.bias) return llvm::Constant::getNullValue(vector_);
    return load_lanes(b_, vector_, at(operands_.bias, tile.channel), tile.mask);
  }

  int64_t tap_size() const { return group_channels() * plan_.lanes; }

  // The weights of all channels of a group for one tap.
  Values tap_weights(Value* weights, Value* kw) {
    Values result;
    Value* tap = at(weights, mul(b_, kw, weight_stride(spec_, 2, tap_size())));
    for (int64_t c = 0; c < group_channels(); ++c)
      result.push_back(load_lanes(b_, vector_, at(tap, number(c * plan_.lanes)), nullptr));
    return result;
  }

  // For every channel of a group: the input vector of each output lane.
  Values spread(Value* value) {
    if (group_outputs() == 1) return {value};
    Values result;
    for (int64_t c = 0; c < group_channels(); ++c) {
      llvm::SmallVector<int, 16> lanes;
      for (int lane = 0; lane < plan_.lanes; ++lane)
        lanes.push_back(static_cast<int>(lane / group_outputs() * group_channels() + c));
      result.push_back(b_.CreateShuffleVector(value, lanes));
    }
    return result;
  }

  Value* tap(const Values& values, const Values& weights, Value* sum) {
    for (size_t c = 0; c < values.size(); ++c)
      sum = multiply_add(b_, isa_, values[c], weights[c], sum);
    return sum;
  }

  // One row of taps over a tile with constant borders: input position by input position.
  Values sliding_taps(const Stretch& tile, Value* input, Value* weights, const PixelRun& run,
                      Values sums) {
    const SpatialAxis& a = axis(2);
    std::vector<Values> columns;
    for (int64_t kw = 0; kw < a.kernel; ++kw) columns.push_back(tap_weights(weights, number(kw)));
    int64_t positions = (run.width - 1) * a.stride + (a.kernel - 1) * a.dilation + 1;
    for (int64_t position = 0; position < positions; ++position) {
      Values values;
      for (int64_t kw = 0; kw < a.kernel; ++kw) {
        int64_t from_first = position - kw * a.dilation, pixel = from_first / a.stride;
        if (from_first < 0 || from_first % a.stride || pixel >= run.width) continue;
        if (!(run.columns[kw] >> pixel & 1)) continue;
        if (values.empty()) values = spread(load(tile, input, number(position)));
        sums[pixel] = tap(values, columns[kw], sums[pixel]);
      }
    }
    return sums;
  }

  Values column_loop(const Stretch& tile, Value* input, Value* weights, IndexRange columns,
                     const Values& sums) {
    const SpatialAxis& a = axis(2);
    return emit_loop(b_, columns.begin, columns.end, 1, sums, [&](Value* kw, Values now) {
      Values column = tap_weights(weights, kw);
      Value* first = mul(b_, kw, a.dilation);
      for (size_t i = 0; i < now.size(); ++i) {
        Value* value = load(tile, input, add(b_, first, static_cast<int64_t>(i) * a.stride));
        now[i] = tap(spread(value), column, now[i]);
      }
      return now;
    });
  }

  Value* load(const Stretch& tile, Value* input, Value* position) {
    return load_lanes(b_, input_vector_, at(input, mul(b_, position, input_stride(2))),
                      tile.input_mask);
  }

  void store(const Row& row, const Stretch& tile, const Values& sums) {
    TileOutput out;
    out.base = operands_.output;
    out.pixel_stride = axis(2).output_stride.emit(b_);
    out.offset =
        add(b_, add(b_, row.output_offset, tile.channel), mul(b_, tile.pixel, out.pixel_stride));
    if (tile.mask) out.masks = {tile.mask};
    out.batch = row.image;
    Value* places[] = {row.plane, row.row, tile.pixel};
    for (int i = 0; i < 3; ++i)
      out.position[i] = result_position(b_, axis(i), row.phase[i], places[i]);
    Value* row_number =
        add(b_, mul(b_, out.position[0], result_positions(b_, axis(1))), out.position[1]);
    out.pixel = add(b_, mul(b_, row_number, result_positions(b_, axis(2))), out.position[2]);
    out.pixel_step = result_step(axis(2));
    out.channel = tile.channel;
    emit_tile_stores(b_, tile.width, 1, sums, out, epilogue_);
  }

  IRBuilderBase& b_;
  const ConvolutionSpec& spec_;
  const DepthwisePlan& plan_;
  VectorIsa isa_;
  KernelOperands operands_;
  Epilogue epilogue_;
  llvm::Type* element_;
  llvm::FixedVectorType* vector_;
  llvm::FixedVectorType* input_vector_;
};

}  // namespace

std::optional<std::string> depthwise_refusal(const ConvolutionSpec& spec) {
  int64_t channels = spec.channels / spec.groups, outputs = spec.output_channels / spec.groups;
  // Whole groups fit into the smallest vectors, of 16 bytes; wider groups fill vectors by
  // themselves.
  int64_t most = 16 / element_size(spec.type);
  if (spec.groups == 1) return "needs several groups";
  if (outputs > most || (outputs & (outputs - 1)) != 0)
    return "needs a power of two of output channels per group, at most " + std::to_string(most) +
           ", has " + std::to_string(outputs);
  if (channels > outputs)
    return "needs no more input channels per group than output channels, has " +
           std::to_string(channels) + " for " + std::to_string(outputs);
  if (!spec.channel_stride.is(1)) return "needs input with channels last";
  return std::nullopt;
}

DepthwisePlan plan_depthwise(const ConvolutionSpec& spec, const VectorIsa& isa) {
  DepthwisePlan plan;
  plan.lanes = lanes_of(isa, spec.type);
  plan.blocks = divide_up(spec.output_channels, plan.lanes);
  int64_t group_channels = spec.channels / spec.groups;
  const SpatialAxis &rows = spec.axes[1], &columns = spec.axes[2];
  // Registers hold the sums, a row of weights and an input vector.
  int64_t weights = std::min<int64_t>(columns.kernel * group_channels, isa.registers / 3);
  int64_t width = std::clamp<int64_t>(isa.registers - weights - 2, 1, 16);
  int64_t pixels =
      columns.output.is_constant() ? std::max<int64_t>(1, columns.output.constant()) : width * 4;
  plan.width = static_cast<int>(divide_up(pixels, divide_up(pixels, width)));
  Work work;
  work.outer = spec.batch.is_constant() ? std::max<int64_t>(1, spec.batch.constant()) : 1;
  work.units = rows.output.is_constant() ? std::max<int64_t>(1, rows.output.constant()) : 16;
  work.panels = plan.blocks;
  // A multiplication here costs about as much as two in a matrix product.
  work.flops_per_unit_panel =
      4.0 * static_cast<double>(pixels * weight_taps(spec) * plan.lanes * group_channels);
  TaskShape tasks = choose_tasks(work);
  plan.rows_per_task = tasks.units;
  plan.blocks_per_task = tasks.panels;
  return plan;
}

int64_t packed_depthwise_size(const ConvolutionSpec& spec, const DepthwisePlan& plan) {
  return plan.blocks * plan.lanes * weight_taps(spec) * (spec.channels / spec.groups);
}

void pack_depthwise_weights(const ConvolutionSpec& spec, const DepthwisePlan& plan,
                            const void* weights, void* packed) {
  size_t size = element_size(spec.type);
  int64_t taps = weight_taps(spec), channels = spec.channels / spec.groups;
  auto* from = static_cast<const char*>(weights);
  auto* to = static_cast<char*>(packed);
  std::memset(to, 0, packed_depthwise_size(spec, plan) * size);
  for (int64_t o = 0; o < spec.output_channels; ++o)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t tap = 0; tap < taps; ++tap, from += size) {
        int64_t row = (o / plan.lanes * taps + tap) * channels + c;
        std::memcpy(to + (row * plan.lanes + o % plan.lanes) * size, from, size);
      }
}

Value* emit_depthwise_tasks(IRBuilderBase& b, const ConvolutionSpec& spec,
                            const DepthwisePlan& plan) {
  Value* count = b.getInt64(1);
  for (Value* extent : DepthwiseEmitter(b, spec, plan, {}, {}, nullptr).task_extents())
    count = mul(b, count, extent);
  return count;
}

void emit_depthwise(IRBuilderBase& b, const ConvolutionSpec& spec, const DepthwisePlan& plan,
                    const VectorIsa& isa, const KernelOperands& operands,
                    const Epilogue& epilogue) {
  DepthwiseEmitter(b, spec, plan, isa, operands, epilogue).emit();
}

}  // namespace cnnc::codegen

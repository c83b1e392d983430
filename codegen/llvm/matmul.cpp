// Batched matrix products of two matrices that are known only at run time. A task is a panel of
// columns times a band of rows: the panel of B is packed, unless few rows use it, and all rows pass
// by.
#include <llvm/IR/Constants.h>

#include <algorithm>
#include <numeric>

#include "codegen/llvm/blocking.h"
#include "codegen/llvm/convolution_geometry.h"
#include "codegen/llvm/panel_packing.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

// The product of the transposed matrices, which gives the transposed result; output strides stay the result's.
MatMulSpec transposed(const MatMulSpec& spec) {
  MatMulSpec result = spec;
  std::swap(result.m, result.n);
  result.a_row_stride = spec.b_column_stride;
  result.a_column_stride = spec.b_row_stride;
  result.b_row_stride = spec.a_column_stride;
  result.b_column_stride = spec.a_row_stride;
  for (BatchAxis& axis : result.batch) std::swap(axis.a_stride, axis.b_stride);
  return result;
}

class MatMulEmitter {
 public:
  MatMulEmitter(IRBuilderBase& b, const MatMulSpec& spec, const MatMulPlan& plan,
                const VectorIsa& isa, const KernelOperands& operands, const Epilogue& epilogue)
      : b_(b),
        spec_(plan.transposed ? transposed(spec) : spec),
        plan_(plan),
        isa_(isa),
        operands_(operands),
        epilogue_(epilogue),
        element_(element_type(b, spec.type)),
        vector_(llvm::FixedVectorType::get(element_, plan.lanes)) {
    if (plan.transposed) std::swap(operands_.input, operands_.weights);
  }

  std::vector<Value*> task_extents() {
    std::vector<Value*> extents;
    for (const BatchAxis& axis : spec_.batch) extents.push_back(axis.extent.emit(b_));
    extents.push_back(ceil_div(b_, spec_.n.emit(b_), plan_.nr()));
    extents.push_back(ceil_div(b_, spec_.m.emit(b_), plan_.rows_per_task));
    return extents;
  }

  Value* scratch_bytes() {
    if (!plan_.packed) return number(0);
    return mul(b_, spec_.k.emit(b_), plan_.nr() * element_size(spec_.type));
  }

  void emit() {
    auto extents = task_extents();
    Value* tasks_per_product = mul(b_, extents[extents.size() - 2], extents.back());
    emit_loop(b_, operands_.begin, operands_.end, 1, [&](Value* task) {
      emit_task(unflatten(b_, task, extents), div(b_, task, tasks_per_product));
    });
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(value); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }

  void emit_task(const std::vector<Value*>& task, Value* product) {
    Value *a = number(0), *matrix = number(0), *out = number(0);
    for (size_t i = 0; i < spec_.batch.size(); ++i) {
      a = add(b_, a, mul(b_, task[i], spec_.batch[i].a_stride.emit(b_)));
      matrix = add(b_, matrix, mul(b_, task[i], spec_.batch[i].b_stride.emit(b_)));
      out = add(b_, out, mul(b_, task[i], spec_.batch[i].output_stride.emit(b_)));
    }
    Value* column = mul(b_, task[spec_.batch.size()], plan_.nr());
    Value* row = mul(b_, task.back(), plan_.rows_per_task);
    IndexRange rows{row, min(b_, add(b_, row, plan_.rows_per_task), spec_.m.emit(b_))};
    Tile tile = tile_of(at(operands_.input, a), at(operands_.weights, matrix), column);
    TileOutput output = output_of(out, product, column);
    if (spec_.m.is_constant() && plan_.rows_per_task >= spec_.m.constant())
      return emit_all_rows(tile, output);
    emit_runs(b_, rows, plan_.width, [&](Value* first, Value* count, int width) {
      emit_run(tile, output, first, count, width);
    });
  }

  void emit_all_rows(const Tile& tile, const TileOutput& output) {
    SpatialAxis rows;
    rows.input = rows.output = spec_.m;
    for (const PixelRun& run : pixel_runs(rows, plan_.width, true))
      emit_run(tile, output, number(run.first), number(run.tiles), run.width);
  }

  std::vector<Value*> column_masks(Value* column) {
    if (spec_.n.is_constant() && spec_.n.constant() % plan_.nr() == 0) return {};
    std::vector<Value*> masks;
    Value* left = b_.CreateSub(spec_.n.emit(b_), column);
    for (int j = 0; j < plan_.vectors; ++j)
      masks.push_back(lane_mask(b_, plan_.lanes, add(b_, left, -int64_t{j} * plan_.lanes)));
    return masks;
  }

  Tile tile_of(Value* a, Value* matrix, Value* column) {
    Tile tile;
    tile.vectors = plan_.vectors;
    tile.input = a;
    tile.pixel_stride = spec_.a_row_stride.emit(b_);
    tile.channel_stride = spec_.a_column_stride.emit(b_);
    tile.tap_strides = tile.weight_strides = {number(0), number(0), number(0)};
    tile.depth_taps = tile.height_taps = {number(0), number(1)};
    tile.channels = spec_.k.emit(b_);
    if (plan_.packed) {
      pack(matrix, column);
      tile.weights = operands_.scratch;
      tile.step_stride = number(plan_.nr());
    } else {
      tile.weights = at(matrix, column);
      tile.step_stride = spec_.b_row_stride.emit(b_);
      tile.weight_masks = column_masks(column);
    }
    return tile;
  }

  void pack(Value* matrix, Value* column) {
    MatrixPanel panel;
    panel.element = element_;
    panel.lanes = plan_.lanes;
    panel.vectors = plan_.vectors;
    panel.matrix = matrix;
    panel.row_stride = spec_.b_row_stride.emit(b_);
    panel.column_stride = spec_.b_column_stride.emit(b_);
    panel.rows = spec_.k.emit(b_);
    panel.columns = spec_.n.emit(b_);
    panel.first_column = column;
    panel.masks = column_masks(column);
    panel.scratch = operands_.scratch;
    panel.shared_function = operands_.shared_function;
    emit_panel_packing(b_, panel);
  }

  TileOutput output_of(Value* offset, Value* product, Value* column) {
    TileOutput output;
    output.base = operands_.output;
    output.pixel_stride = spec_.output_row_stride.emit(b_);
    output.batch = product;
    if (plan_.transposed) {
      output.offset = add(b_, offset, mul(b_, column, output.pixel_stride));
      output.pixel = column;
    } else {
      output.offset = add(b_, offset, column);
      output.masks = column_masks(column);
      output.channel = column;
    }
    return output;
  }

  void emit_run(Tile tile, TileOutput output, Value* first, Value* count, int width) {
    tile.width = width;
    tile.columns = {(uint64_t{1} << width) - 1};
    if (plan_.pipelined) return emit_pipelined_run(tile, output, first, count, width);
    Value *a = tile.input, *offset = output.offset;
    emit_loop(b_, number(0), count, 1, [&](Value* index) {
      Value* row = add(b_, first, mul(b_, index, width));
      tile.input = at(a, mul(b_, row, tile.pixel_stride));
      Values sums = emit_tile(b_, isa_, tile, initial_sums(tile, output));
      if (plan_.transposed) return store_transposed(sums, output, row, width);
      output.offset = add(b_, offset, mul(b_, row, output.pixel_stride));
      output.pixel = row;
      emit_tile_stores(b_, width, tile.vectors, sums, output, epilogue_);
    });
  }

  // The sums of a tile wait in memory; their epilogue is computed, vector by vector, between the steps of the next tile.
  void emit_pipelined_run(Tile tile, const TileOutput& output, Value* first, Value* count, int width) {
    const int vectors = width * tile.vectors;
    llvm::BasicBlock& entry = b_.GetInsertBlock()->getParent()->getEntryBlock();
    Value* waiting = llvm::IRBuilder<>(&entry, entry.begin()).CreateAlloca(vector_, number(vectors));
    auto place = [&](Value* i) { return b_.CreateGEP(vector_, waiting, i); };
    Value* a = tile.input;
    auto multiply = [&](Value* row) {
      tile.input = at(a, mul(b_, row, tile.pixel_stride));
      const Values sums = emit_tile(b_, isa_, tile, initial_sums(tile, output));
      for (int i = 0; i < vectors; ++i) b_.CreateStore(sums[static_cast<size_t>(i)], place(number(i)));
    };
    auto finish = [&](Value* row, Value* i) {
      finish_vector(b_.CreateLoad(vector_, place(i)), output, add(b_, row, div(b_, i, number(tile.vectors))),
                    mul(b_, rem(b_, i, number(tile.vectors)), plan_.lanes));
    };
    emit_if(b_, b_.CreateICmpSGT(count, number(0)), [&] {
      multiply(first);
      Value* last = emit_loop(b_, number(1), count, 1, {first}, [&](Value*, const Values& previous) -> Values {
        tile.interleaved = {vectors, [&](Value* i) { finish(previous[0], i); }};
        Value* row = add(b_, previous[0], width);
        multiply(row);
        return {row};
      })[0];
      emit_loop(b_, number(0), number(vectors), 1, [&](Value* i) { finish(last, i); });
    });
  }

  // `column` counts from the first one of the panel.
  void finish_vector(Value* sums, TileOutput output, Value* row, Value* column) {
    output.pixel = row;
    output.channel = add(b_, output.channel, column);
    output.offset = add(b_, add(b_, output.offset, column), mul(b_, row, output.pixel_stride));
    if (!output.masks.empty()) output.masks = {lane_mask(b_, plan_.lanes, sub(b_, spec_.n.emit(b_), output.channel))};
    emit_tile_stores(b_, 1, 1, {sums}, output, epilogue_);
  }

  // The sums of columns [column, column + width) of the result, each a vector of rows.
  void store_transposed(const Values& sums, TileOutput output, Value* column, int width) {
    const int lanes = plan_.lanes;
    if (width < lanes) output.masks = {lane_mask(b_, lanes, number(width))};
    output.channel = column;
    Value *first_row = output.pixel, *offset = add(b_, output.offset, column);
    for (int j = 0; j < plan_.vectors; ++j) {
      Values block(static_cast<size_t>(lanes), llvm::Constant::getNullValue(vector_));
      for (int i = 0; i < width; ++i) block[static_cast<size_t>(i)] = sums[static_cast<size_t>(i * plan_.vectors + j)];
      emit_transpose(b_, block);
      output.pixel = add(b_, first_row, int64_t{j} * lanes);
      output.offset = add(b_, offset, mul(b_, output.pixel_stride, int64_t{j} * lanes));
      emit_tile_stores(b_, lanes, 1, block, output, epilogue_);
    }
  }

  Values initial_sums(const Tile& tile, const TileOutput& output) {
    Values row;
    for (int j = 0; j < tile.vectors; ++j) {
      if (!operands_.bias) {
        row.push_back(llvm::Constant::getNullValue(vector_));
        continue;
      }
      Value* place = at(operands_.bias, add(b_, output.channel, int64_t{j} * plan_.lanes));
      row.push_back(
          load_lanes(b_, vector_, place, output.masks.empty() ? nullptr : output.masks[j]));
    }
    Values sums;
    for (int i = 0; i < tile.width; ++i) sums.append(row.begin(), row.end());
    return sums;
  }

  IRBuilderBase& b_;
  const MatMulSpec spec_;  // of what is computed
  const MatMulPlan& plan_;
  VectorIsa isa_;
  KernelOperands operands_;
  Epilogue epilogue_;
  llvm::Type* element_;
  llvm::Type* vector_;
};

int64_t known(const Size& size, int64_t otherwise) {
  return size.is_constant() ? std::max<int64_t>(1, size.constant()) : otherwise;
}

// How many of so many rows have the elements of a column in the same set of a first-level cache, of 64 lines of 64 bytes a way.
int64_t rows_in_a_set(const MatMulSpec& spec, const Size& stride, int64_t rows) {
  constexpr int64_t kWay = 4096;
  if (!stride.is_constant()) return rows;
  return divide_up(rows * std::gcd(stride.constant() * element_size(spec.type), kWay), kWay);
}

// Whether there are steps enough that each result of a tile can wait for some of the next one's.
bool is_pipelined(const MatMulSpec& spec, const TileShape& tile) {
  return spec.k.is_constant() && spec.k.constant() >= int64_t{tile.width} * tile.vectors;
}

// An update reads and writes several tensors besides the result and divides: results of a tile are computed between the
// multiplications of the next. Rows that push each other out of the cache had better be few and long.
std::optional<TileShape> tile_of_update(const MatMulSpec& spec, const VectorIsa& isa, int64_t steps) {
  constexpr TileShape kHigh{8, 1}, kLong{6, 4}, kRow{1, 8};
  constexpr int64_t kLongReduction = 256;  // beside which an epilogue counts for little
  constexpr int64_t kMostInASet = 2;
  if (isa.registers < 32 || (spec.results < 2 && spec.divisions < 2)) return std::nullopt;
  if (rows_in_a_set(spec, spec.output_row_stride, kHigh.width) > kMostInASet) return is_pipelined(spec, kLong) ? kLong : kRow;
  if (steps > kLongReduction) return std::nullopt;
  return kHigh;
}

// Where B lies the wrong way, packing A may take less time than packing B, and lanes be filled with rows that columns leave
// empty. Per step of the reduction; what is left over of square tiles would be rows of the result that do not exist.
bool is_better_transposed(const MatMulSpec& spec, int lanes) {
  constexpr int kFewestLanes = 8;  // with fewer sums multiplications wait for each other
  constexpr double kPacked = 5;    // multiplications that take as long as packing or transposing an element
  constexpr int64_t kMostInASet = 4;  // lines of B that stay in the cache beside A's, of 8 ways
  if (lanes < kFewestLanes || !spec.b_row_stride.is(1) || !spec.a_column_stride.is(1)) return false;
  if (rows_in_a_set(spec, spec.b_column_stride, lanes) > kMostInASet) return false;
  if (!spec.m.is_constant() || spec.m.constant() % lanes != 0 || !spec.n.is_constant()) return false;
  const int64_t m = spec.m.constant(), n = spec.n.constant(), filled = divide_up(n, lanes) * lanes;
  return static_cast<double>(m * n) + kPacked * static_cast<double>(m + n * m / known(spec.k, 128)) <
         static_cast<double>(m * filled) + kPacked * static_cast<double>(filled);
}

}  // namespace

MatMulPlan plan_matmul(const MatMulSpec& given, const VectorIsa& isa) {
  MatMulPlan plan;
  plan.lanes = lanes_of(isa, given.type);
  plan.transposed = is_better_transposed(given, plan.lanes);
  const MatMulSpec spec = plan.transposed ? transposed(given) : given;
  std::optional<int64_t> rows;
  if (spec.m.is_constant()) rows = spec.m.constant();
  int64_t columns = known(spec.n, 128), steps = known(spec.k, 128);
  TileShape tile = choose_tile(isa, plan.lanes, rows, divide_up(columns, plan.lanes), steps, 28);
  if (plan.transposed) {
    tile = {plan.lanes, 1};
  } else if (const auto update = tile_of_update(spec, isa, steps)) {
    tile = *update;
    plan.pipelined = is_pipelined(spec, tile);
  }
  plan.width = tile.width;
  plan.vectors = tile.vectors;
  plan.packed = plan.transposed || !spec.b_column_stride.is(1) || !rows || *rows > 4 * plan.width;
  Work work;
  for (const BatchAxis& axis : spec.batch) work.outer *= known(axis.extent, 1);
  work.outer *= divide_up(columns, plan.nr());
  work.units = divide_up(known(spec.m, 128), plan.width);
  work.flops_per_unit_panel = 2.0 * static_cast<double>(plan.width * steps * plan.nr());
  if (plan.packed)
    work.packed_bytes = static_cast<double>(steps * plan.nr() * element_size(spec.type));
  plan.rows_per_task = choose_tasks(work).units * plan.width;
  if (!rows) plan.rows_per_task = int64_t{plan.width} * 32;
  return plan;
}

Value* emit_matmul_tasks(IRBuilderBase& b, const MatMulSpec& spec, const MatMulPlan& plan) {
  Value* count = b.getInt64(1);
  for (Value* extent : MatMulEmitter(b, spec, plan, {}, {}, nullptr).task_extents())
    count = mul(b, count, extent);
  return count;
}

Value* emit_matmul_scratch(IRBuilderBase& b, const MatMulSpec& spec, const MatMulPlan& plan) {
  return MatMulEmitter(b, spec, plan, {}, {}, nullptr).scratch_bytes();
}

void emit_matmul(IRBuilderBase& b, const MatMulSpec& spec, const MatMulPlan& plan,
                 const VectorIsa& isa, const KernelOperands& operands, const Epilogue& epilogue) {
  MatMulEmitter(b, spec, plan, isa, operands, epilogue).emit();
}

}  // namespace cnnc::codegen

// Copies between two arrays in which different elements are neighbours: Transpose and PackPanels. Squares of elements, as
// many on a side as a vector holds, are read as rows, transposed in registers and written as rows: plain loops would gather
// the elements of every vector one by one.
#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loop_builder.h"
#include "codegen/llvm/panel_packing.h"
#include "codegen/llvm/tile.h"
#include "codegen/transposition.h"
#include "ir/affine.h"
#include "ir/error.h"
#include "ir/op_def.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

// An axis along which both arrays are walked; distances are in elements.
struct Axis {
  Dim extent, input, output;
};

struct Copy {
  std::vector<Axis> axes;  // without those of one element
  // Only the first `real` of the places nr * i + j, where i and j count along the axes `panel` and `lane`, have an element;
  // the others become zero.
  struct Padding {
    size_t panel, lane;
    Dim real;
    int64_t nr;
  };
  std::optional<Padding> padding;

  std::optional<size_t> neighbours(Dim Axis::*distance) const {
    for (size_t i = 0; i < axes.size(); ++i)
      if (axes[i].*distance == 1) return i;
    return std::nullopt;
  }
};

// Joins axes that both arrays walk as one, and drops those of one element.
std::vector<Axis> joined(const std::vector<Axis>& axes) {
  std::vector<Axis> result;
  for (const Axis& axis : axes) {
    if (axis.extent == 1) continue;
    if (!result.empty() && result.back().input == axis.input * axis.extent && result.back().output == axis.output * axis.extent)
      result.back() = {result.back().extent * axis.extent, axis.input, axis.output};
    else
      result.push_back(axis);
  }
  return result;
}

Copy transpose(const Node& node) {
  const OpContext c(node);
  const Dims &from = c.dims(), &to = c.output_type().dims;
  const Dims in = dense_strides(from), out = dense_strides(to);
  std::vector<int> perm;
  if (c.has_attribute("perm")) perm = c.axes(c.integers("perm"), c.rank());
  else
    for (int i = c.rank(); i-- > 0;) perm.push_back(i);
  std::vector<Axis> axes;
  for (size_t i = 0; i < to.size(); ++i) axes.push_back({to[i], in[static_cast<size_t>(perm[i])], out[i]});
  return {joined(axes), std::nullopt};
}

Copy pack(const Node& node) {
  const OpContext c(node);
  const Dims &weights = c.dims(), &panels = c.output_type().dims;  // [groups, panels, taps, channels, nr]
  const bool outputs_first = c.text("layout") == "OI";
  const Dim taps = panels[2], channels = panels[3], outputs = outputs_first ? Dim::floor_div(weights[0], panels[0]) : weights[1];
  const Dim channel = outputs_first ? taps : outputs * taps, output = outputs_first ? channels * taps : taps;
  const Dim group = outputs_first ? outputs * output : channels * channel;
  const Dims in{group, output * panels[4], 1, channel, output}, out = dense_strides(panels);
  Copy copy;
  std::optional<size_t> panel, lane;
  for (size_t i = 0; i < in.size(); ++i) {
    const bool padded = (i == 1 || i == 4) && !(panels[1] * panels[4] == outputs);
    if (panels[i] == 1 && !padded) continue;
    if (padded) (i == 1 ? panel : lane) = copy.axes.size();
    copy.axes.push_back({panels[i], in[i], out[i]});
  }
  if (panel) copy.padding = {*panel, *lane, outputs, panels[4].value()};
  return copy;
}

Copy copy_of(const Node& node) { return node.is("Transpose") ? transpose(node) : pack(node); }

class Emitter {
 public:
  explicit Emitter(KernelContext& k)
      : k_(k),
        b_(k.builder),
        copy_(copy_of(k.node)),
        rows_(*copy_.neighbours(&Axis::output)),
        columns_(*copy_.neighbours(&Axis::input)),
        bytes_(static_cast<int64_t>(size_of(k.node.output()->dtype()))),
        side_(std::clamp(k.isa.f32_lanes * 4 / static_cast<int>(bytes_), 2, k.isa.f32_lanes)),
        element_(b_.getIntNTy(static_cast<unsigned>(8 * bytes_))),
        vector_(llvm::FixedVectorType::get(element_, static_cast<unsigned>(side_))) {}

  // A task is one place along all axes but the two of a square; of these, a square's height and the width of some squares.
  KernelNeeds emit() {
    const Copy copy = copy_;
    const size_t rows = rows_, columns = columns_;
    const int side = side_;
    std::vector<Value*> extents = extents_of(copy, rows, columns, side, b_, [&](const Dim& d) { return size(d); });
    emit_loop(b_, k_.begin, k_.end, 1, [&](Value* task) { emit_task(unflatten(b_, task, extents)); });
    const StepNumber tasks{0, [copy, rows, columns, side](IRBuilderBase& b, const SizeResolver& resolve) {
                             const auto size = [&](const Dim& d) {
                               return d.is_const() ? b.getInt64(static_cast<uint64_t>(d.value())) : resolve(d);
                             };
                             Value* count = b.getInt64(1);
                             for (Value* extent : extents_of(copy, rows, columns, side, b, size)) count = mul(b, count, extent);
                             return count;
                           }};
    return {tasks, std::nullopt};
  }

 private:
  static constexpr int kSquares = 16;  // side by side in a task

  static std::vector<Value*> extents_of(const Copy& copy, size_t rows, size_t columns, int side, IRBuilderBase& b,
                                        const std::function<Value*(const Dim&)>& size) {
    std::vector<Value*> extents;
    for (size_t i = 0; i < copy.axes.size(); ++i) {
      Value* extent = size(copy.axes[i].extent);
      extents.push_back(i == rows ? ceil_div(b, extent, side) : i == columns ? ceil_div(b, extent, side * kSquares) : extent);
    }
    return extents;
  }

  Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* size(const Dim& d) { return d.is_const() ? number(d.value()) : k_.size(d); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }

  void emit_task(const std::vector<Value*>& part) {
    Value *from = number(0), *to = number(0);
    Value *first_row = mul(b_, part[rows_], side_), *first_column = mul(b_, part[columns_], side_ * kSquares);
    const auto place = [&](size_t axis) { return axis == rows_ ? first_row : axis == columns_ ? number(0) : part[axis]; };
    for (size_t i = 0; i < copy_.axes.size(); ++i) {
      from = add(b_, from, mul(b_, place(i), size(copy_.axes[i].input)));
      to = add(b_, to, mul(b_, place(i), size(copy_.axes[i].output)));
    }
    Value* rows = sub(b_, size(copy_.axes[rows_].extent), first_row);
    const Dim& height = copy_.axes[rows_].extent;
    Value* real = height.is_const() && height.value() <= side_ ? number(height.value()) : rows;
    if (copy_.padding) {
      Value* before = add(b_, mul(b_, place(copy_.padding->panel), copy_.padding->nr), place(copy_.padding->lane));
      real = sub(b_, size(copy_.padding->real), before);
    }
    from = at(k_.operand(0), from);
    to = at(k_.output, to);
    Value *columns = size(copy_.axes[columns_].extent), *last = add(b_, first_column, side_ * kSquares);
    const auto known = constant_of(columns);
    if (known && *known < side_) return emit_square(from, to, number(0), rows, real, columns);
    const auto whole_squares = [&] {
      // The last one begins so far to the left that it is whole.
      emit_loop(b_, first_column, min(b_, last, columns), side_, [&](Value* column) {
        const bool is_whole = known && *known % side_ == 0;
        emit_square(from, to, is_whole ? column : min(b_, column, sub(b_, columns, number(side_))), rows, real, nullptr);
      });
    };
    if (known) return whole_squares();
    Value* is_narrow = b_.CreateICmpSLT(columns, number(side_));
    emit_if(b_, is_narrow, [&] { emit_square(from, to, number(0), rows, real, columns); });
    emit_if(b_, b_.CreateNot(is_narrow), whole_squares);
  }

  // `real` rows of the input from `column` on, of which `columns` (null: a whole vector) hold elements, become columns of the
  // output, which has `rows` rows here.
  void emit_square(Value* from, Value* to, Value* column, Value* rows, Value* real, Value* columns) {
    const Axis &row_axis = copy_.axes[rows_], &column_axis = copy_.axes[columns_];
    Value* in_row = columns ? lane_mask(b_, side_, columns) : nullptr;
    Value* read = at(from, column);
    Values square;
    for (int i = 0; i < side_; ++i) square.push_back(load_row(read, mul(b_, size(row_axis.input), i), i, real, in_row));
    emit_transpose(b_, square);
    Value* written = at(to, mul(b_, column, size(column_axis.output)));
    Value* out_row = constant_of(rows) && *constant_of(rows) % side_ == 0 ? nullptr : lane_mask(b_, side_, rows);
    const auto written_rows = constant_of(columns ? columns : number(side_)).value_or(side_);
    for (int i = 0; i < static_cast<int>(written_rows); ++i) {
      Value* place = at(written, mul(b_, size(column_axis.output), i));
      const auto store = [&] { store_lanes(b_, square[static_cast<size_t>(i)], place, out_row); };
      if (columns && !constant_of(columns)) emit_if(b_, b_.CreateICmpSLT(number(i), columns), store);
      else store();
    }
  }

  // Row i of a square. When there are no more, it is anything, for it is not stored, or zeros for places without an element.
  // Masked loads from pages that do not exist would be slow.
  Value* load_row(Value* first, Value* offset, int i, Value* real, Value* mask) {
    if (const auto count = constant_of(real); count && i >= *count) return llvm::PoisonValue::get(vector_);
    const auto& extent = copy_.axes[rows_].extent;
    const bool exists_always = !copy_.padding && extent.is_const() && (extent.value() % side_ == 0 || i < extent.value() % side_);
    if (exists_always) return load_lanes(b_, vector_, at(first, offset), mask);
    Value* exists = b_.CreateICmpSLT(number(i), real);
    Value* row = load_lanes(b_, vector_, at(first, b_.CreateSelect(exists, offset, number(0))), mask);
    return copy_.padding ? b_.CreateSelect(exists, row, llvm::Constant::getNullValue(vector_)) : row;
  }

  KernelContext& k_;
  IRBuilderBase& b_;
  Copy copy_;
  size_t rows_, columns_;  // axes whose elements are neighbours in the output, and in the input
  int64_t bytes_;
  int side_;
  llvm::Type* element_;
  llvm::FixedVectorType* vector_;
};

}  // namespace

std::optional<std::string> transpose_refusal(const Node& node) {
  if (!node.is("Transpose") && !node.is("PackPanels")) return "it is no Transpose or PackPanels";
  const DType dtype = node.output()->dtype();
  if (dtype == DType::string || bits_of(dtype) < 8 || bits_of(dtype) > 64) return cat("it does not move ", name_of(dtype));
  const Copy copy = copy_of(node);
  const auto rows = copy.neighbours(&Axis::output), columns = copy.neighbours(&Axis::input);
  if (!rows || !columns || *rows == *columns) return "the same elements are neighbours in operand and result";
  return std::nullopt;
}

KernelNeeds emit_transpose_kernel(KernelContext& k) { return Emitter(k).emit(); }

}  // namespace cnnc::codegen

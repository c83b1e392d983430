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

// The function that all copies share: LLVM takes longer for the shuffles of a square than for all else of such a kernel.
class RowsTransposer {
 public:
  RowsTransposer(IRBuilderBase& b, llvm::Function& f, llvm::Type* element, int side)
      : b_(b),
        side_(side),
        element_(element),
        vector_(llvm::FixedVectorType::get(element, static_cast<unsigned>(side))),
        from_(f.getArg(0)),
        row_distance_(f.getArg(1)),
        to_(f.getArg(2)),
        column_distance_(f.getArg(3)),
        rows_(f.getArg(4)),
        real_(f.getArg(5)),
        first_(f.getArg(6)),
        end_(f.getArg(7)),
        columns_(f.getArg(8)) {}

  void emit() {
    Value* last = b_.CreateSub(columns_, number(side_));
    Value* is_narrow = b_.CreateICmpSLT(last, number(0));
    Value* is_whole = b_.CreateICmpSGE(b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, rows_, real_), number(side_));
    is_whole = b_.CreateAnd(is_whole, b_.CreateNot(is_narrow));
    last = b_.CreateSelect(is_narrow, number(0), last);
    // The last square begins so far to the left that it is whole.
    emit_loop(b_, first_, end_, side_, [&](Value* column) { emit_square(min(b_, column, last), is_whole); });
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }

  void emit_square(Value* column, Value* is_whole) {
    Value* read = hide_from_loop_passes(b_, at(from_, column));
    Value* written = hide_from_loop_passes(b_, at(to_, b_.CreateMul(column, column_distance_)));
    Values whole, part;
    auto* after_part = emit_choice(is_whole, [&] { whole = load_rows(read); }, [&] { part = load_existing_rows(read); });
    Values square;
    for (size_t i = 0; i < whole.size(); ++i) {
      llvm::PHINode* row = b_.CreatePHI(vector_, 2);
      row->addIncoming(whole[i], llvm::cast<llvm::Instruction>(whole[i])->getParent());
      row->addIncoming(part[i], after_part);
      square.push_back(row);
    }
    emit_transpose(b_, square);
    emit_choice(is_whole, [&] { store_rows(written, square); }, [&] { store_existing_rows(written, square); });
  }

  // Returns the block in which the second choice ends.
  llvm::BasicBlock* emit_choice(Value* condition, llvm::function_ref<void()> first, llvm::function_ref<void()> second) {
    llvm::Function* f = b_.GetInsertBlock()->getParent();
    const auto block = [&] { return llvm::BasicBlock::Create(b_.getContext(), "", f); };
    llvm::BasicBlock *yes = block(), *no = block(), *after = block();
    b_.CreateCondBr(condition, yes, no);
    b_.SetInsertPoint(yes);
    first();
    b_.CreateBr(after);
    b_.SetInsertPoint(no);
    second();
    llvm::BasicBlock* end = b_.GetInsertBlock();
    b_.CreateBr(after);
    b_.SetInsertPoint(after);
    return end;
  }

  Values load_rows(Value* place) {
    Values rows;
    for (int i = 0; i < side_; ++i, place = at(place, row_distance_)) rows.push_back(load_lanes(b_, vector_, place, nullptr));
    return rows;
  }

  // Rows that do not exist are zeros, read from where the first one is: masked loads from pages that do not exist would be slow.
  Values load_existing_rows(Value* place) {
    Value* in_row = lane_mask(b_, side_, columns_);
    Values rows;
    for (int i = 0; i < side_; ++i) {
      Value* exists = b_.CreateICmpSLT(number(i), real_);
      Value* offset = b_.CreateSelect(exists, mul(b_, row_distance_, i), number(0));
      Value* row = load_lanes(b_, vector_, at(place, offset), in_row);
      rows.push_back(b_.CreateSelect(exists, row, llvm::Constant::getNullValue(vector_)));
    }
    return rows;
  }

  void store_rows(Value* place, const Values& rows) {
    for (Value* row : rows) {
      store_lanes(b_, row, place, nullptr);
      place = at(place, column_distance_);
    }
  }

  void store_existing_rows(Value* place, const Values& rows) {
    Value* in_row = lane_mask(b_, side_, rows_);
    for (int i = 0; i < side_; ++i) {
      emit_if(b_, b_.CreateICmpSLT(number(i), columns_),
              [&] { store_lanes(b_, rows[static_cast<size_t>(i)], at(place, mul(b_, column_distance_, i)), in_row); });
    }
  }

  IRBuilderBase& b_;
  int side_;
  llvm::Type* element_;
  llvm::FixedVectorType* vector_;
  Value *from_, *row_distance_, *to_, *column_distance_, *rows_, *real_, *first_, *end_, *columns_;
};

// transpose(from, row_distance, to, column_distance, rows, real, first, end, columns): of up to `side` rows of `columns` elements,
// those at [first, end) become columns of the output, which has `rows` rows there. Of these only `real` are read; the others are
// zeros.
llvm::Function* transpose_rows(KernelContext& k, llvm::Type* element, int side) {
  llvm::Type *pointer = k.builder.getPtrTy(), *i64 = k.builder.getInt64Ty();
  return k.shared_function(cat("transpose_", side, "x", element->getIntegerBitWidth()),
                           {pointer, i64, pointer, i64, i64, i64, i64, i64, i64},
                           [&](IRBuilderBase& b, llvm::Function& f) { RowsTransposer(b, f, element, side).emit(); });
}

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
        element_(b_.getIntNTy(static_cast<unsigned>(8 * bytes_))) {}

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
    const Axis &row_axis = copy_.axes[rows_], &column_axis = copy_.axes[columns_];
    Value* rows = sub(b_, size(row_axis.extent), first_row);
    Value* real = rows;
    if (copy_.padding) {
      Value* before = add(b_, mul(b_, place(copy_.padding->panel), copy_.padding->nr), place(copy_.padding->lane));
      real = sub(b_, size(copy_.padding->real), before);
    }
    Value* columns = size(column_axis.extent);
    b_.CreateCall(transpose_rows(k_, element_, side_),
                  {at(k_.operand(0), from), size(row_axis.input), at(k_.output, to), size(column_axis.output), rows, real,
                   first_column, min(b_, add(b_, first_column, side_ * kSquares), columns), columns});
  }

  KernelContext& k_;
  IRBuilderBase& b_;
  Copy copy_;
  size_t rows_, columns_;  // axes whose elements are neighbours in the output, and in the input
  int64_t bytes_;
  int side_;
  llvm::Type* element_;
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

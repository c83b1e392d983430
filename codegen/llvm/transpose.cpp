// Copies between two arrays in which different elements are neighbours: Transpose and PackPanels. Squares of elements, as
// many on a side as a vector holds, are read as rows, transposed in registers and written as rows: plain loops would gather
// the elements of every vector one by one.
#include <algorithm>

#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loop_builder.h"
#include "codegen/llvm/transpose_rows.h"
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

// The numbers of a kernel's table of sizes: for each axis how many elements it has and their distances, then the padding's.
enum AxisNumber { kExtent, kInput, kOutput, kAxisNumbers };

// How a copy is divided. Its last two axes are those of the squares.
struct Squares {
  static constexpr int kBeside = 16;  // in a task

  Copy copy;
  int64_t bytes;
  int side;

  size_t others() const { return copy.axes.size() - 2; }

  // A task is one place along all axes but the two of a square; of these, a square's height and the width of some squares.
  std::vector<Value*> task_extents(IRBuilderBase& b, const std::function<Value*(size_t axis)>& extent) const {
    std::vector<Value*> extents;
    for (size_t i = 0; i < others(); ++i) extents.push_back(extent(i));
    extents.push_back(ceil_div(b, extent(others()), side));
    extents.push_back(ceil_div(b, extent(others() + 1), side * kBeside));
    return extents;
  }
};

Squares squares_of(const Node& node, const VectorIsa& isa) {
  Squares result{copy_of(node), static_cast<int64_t>(size_of(node.output()->dtype())), 0};
  result.side = square_side(isa.f32_lanes, result.bytes);
  Copy& copy = result.copy;
  const auto move_last = [&](size_t axis) {
    std::rotate(copy.axes.begin() + static_cast<std::ptrdiff_t>(axis), copy.axes.begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                copy.axes.end());
    const auto moved = [&](size_t i) { return i == axis ? copy.axes.size() - 1 : i > axis ? i - 1 : i; };
    if (copy.padding) copy.padding = {moved(copy.padding->panel), moved(copy.padding->lane), copy.padding->real, copy.padding->nr};
  };
  move_last(*copy.neighbours(&Axis::output));
  move_last(*copy.neighbours(&Axis::input));
  return result;
}

KernelNeeds needs_of(const Squares& squares) {
  KernelNeeds needs;
  needs.operands = {0};
  for (const Axis& axis : squares.copy.axes) needs.sizes.insert(needs.sizes.end(), {axis.extent, axis.input, axis.output});
  if (const auto& padding = squares.copy.padding) needs.sizes.insert(needs.sizes.end(), {padding->real, padding->nr});
  needs.tasks.compute = [squares](IRBuilderBase& b, const SizeResolver& resolve) {
    Value* count = b.getInt64(1);
    for (Value* extent : squares.task_extents(b, [&](size_t axis) { return resolve(squares.copy.axes[axis].extent); }))
      count = mul(b, count, extent);
    return count;
  };
  return needs;
}

class Emitter {
 public:
  Emitter(KernelContext& k, const Squares& squares)
      : k_(k), b_(k.builder), squares_(squares), element_(b_.getIntNTy(static_cast<unsigned>(8 * squares.bytes))) {
    const size_t count = squares.copy.axes.size() * kAxisNumbers + (squares.copy.padding ? 2 : 0);
    for (size_t i = 0; i < count; ++i)
      numbers_.push_back(b_.CreateLoad(b_.getInt64Ty(), b_.CreateConstGEP1_64(b_.getInt64Ty(), k.sizes, i)));
    from_ = b_.CreateLoad(b_.getPtrTy(), k.args);
    to_ = b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), k.args, 1));
  }

  void emit() {
    const std::vector<Value*> extents = squares_.task_extents(b_, [&](size_t axis) { return number(axis, kExtent); });
    emit_loop(b_, k_.begin, k_.end, 1, [&](Value* task) { emit_task(unflatten(b_, task, extents)); });
  }

 private:
  Value* number(size_t axis, AxisNumber what) { return numbers_[axis * kAxisNumbers + what]; }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }

  void emit_task(std::vector<Value*> place) {
    const size_t row_axis = squares_.others(), column_axis = row_axis + 1;
    Value *rows = number(row_axis, kExtent), *columns = number(column_axis, kExtent);
    place[row_axis] = mul(b_, place[row_axis], squares_.side);
    Value* first = mul(b_, place[column_axis], squares_.side * Squares::kBeside);
    Value *from = b_.getInt64(0), *to = b_.getInt64(0);
    for (size_t i = 0; i < column_axis; ++i) {
      from = add(b_, from, mul(b_, place[i], number(i, kInput)));
      to = add(b_, to, mul(b_, place[i], number(i, kOutput)));
    }
    rows = sub(b_, rows, place[row_axis]);
    Value* real = rows;
    if (const auto& padding = squares_.copy.padding) {
      Value* before = add(b_, mul(b_, place[padding->panel], numbers_.back()), place[padding->lane]);
      real = sub(b_, numbers_[numbers_.size() - 2], before);
      // No address beyond the operand, even if nothing is needed from there.
      from = b_.CreateSelect(b_.CreateICmpSGT(real, b_.getInt64(0)), from, b_.getInt64(0));
    }
    Value* end = min(b_, add(b_, first, squares_.side * Squares::kBeside), columns);
    call_transpose_rows(b_, k_.shared_function, element_, squares_.side,
                        {at(from_, from), number(row_axis, kInput), at(to_, to), number(column_axis, kOutput), rows, real, first,
                         end, columns});
  }

  KernelContext& k_;
  IRBuilderBase& b_;
  const Squares& squares_;
  llvm::IntegerType* element_;
  Values numbers_;
  Value *from_, *to_;
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

KernelForm transpose_form(const Node& node, const VectorIsa& isa) {
  const Squares squares = squares_of(node, isa);
  std::string text = cat(squares.copy.axes.size(), " axes of ", squares.bytes, " bytes");
  if (const auto& padding = squares.copy.padding) text += cat(", padded along ", padding->panel, " and ", padding->lane);
  return {text, needs_of(squares)};
}

KernelNeeds emit_transpose_kernel(KernelContext& k) {
  const Squares squares = squares_of(k.node, k.isa);
  Emitter(k, squares).emit();
  return needs_of(squares);
}

}  // namespace cnnc::codegen

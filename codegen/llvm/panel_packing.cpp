#include "codegen/llvm/panel_packing.h"

#include <llvm/IR/DerivedTypes.h>

#include <algorithm>

#include "codegen/llvm/tile.h"
#include "codegen/llvm/transpose_rows.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

// By shuffles that x86 has instructions for: first within groups of 16 bytes, then of whole groups. LLVM takes long to find out
// how to do others.
void emit_transpose(IRBuilderBase& b, Values& block) {
  const auto* vector = llvm::cast<llvm::FixedVectorType>(block.front()->getType());
  const int lanes = static_cast<int>(block.size());
  const int group = std::min(lanes, 128 / static_cast<int>(vector->getScalarSizeInBits())), groups = lanes / group;
  const auto at = [&](int i) -> Value*& { return block[static_cast<size_t>(i)]; };
  // The lower or upper halves of all groups of two rows, interleaved in units of `unit` elements.
  const auto interleave = [&](Value* x, Value* y, int unit, int half) {
    llvm::SmallVector<int, 64> places;
    for (int lane = 0; lane < lanes; ++lane) {
      const int in_group = lane % group;
      const int from = lane - in_group + half * group / 2 + in_group / (2 * unit) * unit + in_group % unit;
      places.push_back(in_group / unit % 2 ? lanes + from : from);
    }
    return b.CreateShuffleVector(x, y, places);
  };
  // After the stage for `unit`, each group of a row holds 2 * unit elements of a column beside each other.
  for (int unit = 1; unit < group; unit *= 2) {
    Values next(block.size());
    for (int i = 0; i < lanes; ++i) {
      if (i & unit) continue;
      const int column = i % unit, first = i - column + 2 * column;
      next[static_cast<size_t>(first)] = interleave(at(i), at(i + unit), unit, 0);
      next[static_cast<size_t>(first + 1)] = interleave(at(i), at(i + unit), unit, 1);
    }
    block = next;
  }
  // Row r * group + c now holds, in group g, column g * group + c of rows r * group and on. Groups of even and of odd number of
  // two rows come together, until a row holds one column.
  for (int step = 1; step < groups; step *= 2)
    for (int i = 0; i < lanes; ++i) {
      if (i / group & step) continue;
      Value *x = at(i), *y = at(i + step * group);
      llvm::SmallVector<int, 64> even, odd;
      for (int lane = 0; lane < lanes; ++lane) {
        const int g = lane / group, from = g % (groups / 2) * 2 * group + lane % group + (g < groups / 2 ? 0 : lanes);
        even.push_back(from);
        odd.push_back(from + group);
      }
      at(i) = b.CreateShuffleVector(x, y, even);
      at(i + step * group) = b.CreateShuffleVector(x, y, odd);
    }
}

namespace {

class PanelPacking {
 public:
  PanelPacking(IRBuilderBase& b, const MatrixPanel& panel)
      : b_(b),
        panel_(panel),
        vector_(llvm::FixedVectorType::get(panel.element, panel.lanes)),
        align_(panel.element->getPrimitiveSizeInBits() / 8) {}

  void emit() {
    if (constant_of(panel_.column_stride) == 1) copy_rows();
    else if (constant_of(panel_.row_stride) == 1) transpose_columns();
    else gather_columns();
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(value); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(panel_.element, pointer, offset); }
  int64_t width() const { return int64_t{panel_.lanes} * panel_.vectors; }

  void copy_rows() {
    emit_loop(b_, number(0), panel_.rows, 1, [&](Value* row) {
      Value* from =
          at(panel_.matrix, add(b_, mul(b_, row, panel_.row_stride), panel_.first_column));
      Value* to = at(panel_.scratch, mul(b_, row, width()));
      for (int j = 0; j < panel_.vectors; ++j) {
        Value* offset = number(int64_t{j} * panel_.lanes);
        Value* mask = panel_.masks.empty() ? nullptr : panel_.masks[j];
        b_.CreateAlignedStore(load_lanes(b_, vector_, at(from, offset), mask), at(to, offset),
                              align_);
      }
    });
  }

  // Columns that are contiguous in memory.
  void transpose_columns() {
    auto* element = b_.getIntNTy(panel_.element->getPrimitiveSizeInBits());
    emit_loop(b_, number(0), number(width()), panel_.lanes, [&](Value* first) {
      Value* from = add(b_, panel_.first_column, first);
      Value* real = b_.CreateSub(panel_.columns, from);
      // No address beyond the matrix, even if nothing is read there.
      from = b_.CreateSelect(b_.CreateICmpSGT(real, number(0)), from, number(0));
      call_transpose_rows(b_, panel_.shared_function, element, panel_.lanes,
                          {at(panel_.matrix, mul(b_, from, panel_.column_stride)), panel_.column_stride,
                           at(panel_.scratch, first), number(width()), number(panel_.lanes), real, number(0), panel_.rows,
                           panel_.rows});
    });
  }

  // Columns that do not exist repeat the last one.
  void gather_columns() {
    Value* last = b_.CreateSub(panel_.columns, number(1));
    emit_loop(b_, number(0), number(width()), 1, [&](Value* index) {
      Value* column = min(b_, add(b_, panel_.first_column, index), last);
      Value* from = at(panel_.matrix, mul(b_, column, panel_.column_stride));
      emit_loop(b_, number(0), panel_.rows, 1, [&](Value* row) {
        Value* value = b_.CreateLoad(panel_.element, at(from, mul(b_, row, panel_.row_stride)));
        b_.CreateStore(value, at(panel_.scratch, add(b_, mul(b_, row, width()), index)));
      });
    });
  }

  IRBuilderBase& b_;
  const MatrixPanel& panel_;
  llvm::Type* vector_;
  llvm::Align align_;
};

}  // namespace

void emit_panel_packing(IRBuilderBase& b, const MatrixPanel& panel) {
  PanelPacking(b, panel).emit();
}

}  // namespace cnnc::codegen

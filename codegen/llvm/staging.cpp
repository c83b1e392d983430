#include "codegen/llvm/staging.h"

#include <llvm/IR/Constants.h>

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

struct Inside {
  Value* begin;
  Value* end;
};

// Indices of the axis whose input position exists.
Inside inside(IRBuilderBase& b, const StagedAxis& axis) {
  Value* zero = b.getInt64(0);
  Value* before = max(b, sub(b, zero, axis.first), zero);
  Value* begin = min(b, ceil_div(b, before, axis.step), axis.count);
  Value* room = max(b, sub(b, axis.input_size, axis.first), zero);
  Value* end = min(b, ceil_div(b, room, axis.step), axis.count);
  return {begin, max(b, begin, end)};
}

class Staging {
 public:
  Staging(IRBuilderBase& b, const StagedBlock& block) : b_(b), block_(block) {}

  void emit() {
    const auto& [planes, rows, columns] = block_.axes;
    Inside depth = inside(b_, planes), height = inside(b_, rows);
    columns_ = inside(b_, columns);
    Value* row_size = mul(b_, columns.count, block_.pixel_stride);
    emit_loop(b_, depth.begin, depth.end, 1, [&](Value* d) {
      emit_loop(b_, height.begin, height.end, 1, [&](Value* h) {
        Value* row = add(b_, mul(b_, d, rows.count), h);
        Value* from = add(b_, place(planes, d), place(rows, h));
        copy_row(at(block_.input, from), at(block_.scratch, mul(b_, row, row_size)));
      });
    });
  }

 private:
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(block_.element, pointer, offset); }

  // Offset of the input position of index i.
  Value* place(const StagedAxis& axis, Value* i) {
    return mul(b_, add(b_, axis.first, mul(b_, i, axis.step)), axis.input_stride);
  }

  void copy_row(Value* from, Value* to) {
    const StagedAxis& columns = block_.axes[2];
    auto clear = [&](Value* i) { pixel(nullptr, at(to, mul(b_, i, block_.pixel_stride))); };
    emit_loop(b_, b_.getInt64(0), columns_.begin, 1, clear);
    emit_loop(b_, columns_.begin, columns_.end, 1, [&](Value* i) {
      pixel(at(from, place(columns, i)), at(to, mul(b_, i, block_.pixel_stride)));
    });
    emit_loop(b_, columns_.end, columns.count, 1, clear);
  }

  // Copies the channels of a pixel, or clears them when there is nothing to copy from.
  void pixel(Value* from, Value* to) {
    bool vectorised = !from || constant_of(block_.channel_stride) == 1;
    int64_t whole = vectorised ? block_.channels / block_.lanes * block_.lanes : 0;
    channels(from, to, 0, whole, block_.lanes);
    channels(from, to, whole, block_.channels, 1);
  }

  void channels(Value* from, Value* to, int64_t begin, int64_t end, int lanes) {
    llvm::Type* type =
        lanes == 1 ? block_.element : llvm::FixedVectorType::get(block_.element, lanes);
    llvm::Align align(block_.element->getPrimitiveSizeInBits() / 8);
    emit_loop(b_, b_.getInt64(begin), b_.getInt64(end), lanes, [&](Value* c) {
      Value* value = llvm::Constant::getNullValue(type);
      if (from)
        value = b_.CreateAlignedLoad(type, at(from, mul(b_, c, block_.channel_stride)), align);
      b_.CreateAlignedStore(value, at(to, c), align);
    });
  }

  IRBuilderBase& b_;
  const StagedBlock& block_;
  Inside columns_{};
};

}  // namespace

void emit_staging(IRBuilderBase& b, const StagedBlock& block) { Staging(b, block).emit(); }

}  // namespace cnnc::codegen

#include "codegen/llvm/transpose_rows.h"

#include <llvm/IR/Constants.h>

#include <algorithm>

#include "codegen/llvm/loop_builder.h"
#include "codegen/llvm/panel_packing.h"
#include "codegen/llvm/tile.h"
#include "ir/error.h"

namespace cnnc::codegen {

using llvm::IRBuilderBase;
using llvm::Value;

namespace {

class RowsTransposer {
 public:
  RowsTransposer(IRBuilderBase& b, const RowsToTranspose& rows, llvm::Type* element, int side)
      : b_(b),
        r_(rows),
        side_(side),
        element_(element),
        vector_(llvm::FixedVectorType::get(element, static_cast<unsigned>(side))) {}

  void emit() {
    Value* last = b_.CreateSub(r_.columns, number(side_));
    Value* is_narrow = b_.CreateICmpSLT(last, number(0));
    Value* is_whole = b_.CreateICmpSGE(b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, r_.rows, r_.real), number(side_));
    is_whole = b_.CreateAnd(is_whole, b_.CreateNot(is_narrow));
    last = b_.CreateSelect(is_narrow, number(0), last);
    // The last square begins so far to the left that it is whole.
    emit_loop(b_, r_.first, r_.end, side_, [&](Value* column) { emit_square(min(b_, column, last), is_whole); });
  }

 private:
  Value* number(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* at(Value* pointer, Value* offset) { return b_.CreateGEP(element_, pointer, offset); }

  void emit_square(Value* column, Value* is_whole) {
    Value* read = hide_from_loop_passes(b_, at(r_.from, column));
    Value* written = hide_from_loop_passes(b_, at(r_.to, b_.CreateMul(column, r_.column_distance)));
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
    for (int i = 0; i < side_; ++i, place = at(place, r_.row_distance)) rows.push_back(load_lanes(b_, vector_, place, nullptr));
    return rows;
  }

  // Rows that do not exist are zeros, read from where the first one is: masked loads from pages that do not exist would be slow.
  Values load_existing_rows(Value* place) {
    Value* in_row = lane_mask(b_, side_, r_.columns);
    Values rows;
    for (int i = 0; i < side_; ++i) {
      Value* exists = b_.CreateICmpSLT(number(i), r_.real);
      Value* offset = b_.CreateSelect(exists, mul(b_, r_.row_distance, i), number(0));
      Value* row = load_lanes(b_, vector_, at(place, offset), in_row);
      rows.push_back(b_.CreateSelect(exists, row, llvm::Constant::getNullValue(vector_)));
    }
    return rows;
  }

  void store_rows(Value* place, const Values& rows) {
    for (Value* row : rows) {
      store_lanes(b_, row, place, nullptr);
      place = at(place, r_.column_distance);
    }
  }

  void store_existing_rows(Value* place, const Values& rows) {
    Value* in_row = lane_mask(b_, side_, r_.rows);
    for (int i = 0; i < side_; ++i) {
      emit_if(b_, b_.CreateICmpSLT(number(i), r_.columns),
              [&] { store_lanes(b_, rows[static_cast<size_t>(i)], at(place, mul(b_, r_.column_distance, i)), in_row); });
    }
  }

  IRBuilderBase& b_;
  const RowsToTranspose& r_;
  int side_;
  llvm::Type* element_;
  llvm::FixedVectorType* vector_;
};

}  // namespace

int square_side(int f32_lanes, int64_t element_bytes) {
  return std::clamp(f32_lanes * 4 / static_cast<int>(element_bytes), 2, f32_lanes);
}

void call_transpose_rows(IRBuilderBase& b, const SharedFunction& shared_function, llvm::IntegerType* element, int side,
                         const RowsToTranspose& r) {
  llvm::Type *pointer = b.getPtrTy(), *i64 = b.getInt64Ty();
  llvm::Function* f =
      shared_function(cat("transpose_", side, "x", element->getBitWidth()), {pointer, i64, pointer, i64, i64, i64, i64, i64, i64},
                      [&](IRBuilderBase& body, llvm::Function& function) {
                        const auto arg = [&](unsigned i) { return function.getArg(i); };
                        const RowsToTranspose args{arg(0), arg(1), arg(2), arg(3), arg(4), arg(5), arg(6), arg(7), arg(8)};
                        RowsTransposer(body, args, element, side).emit();
                      });
  b.CreateCall(f, {r.from, r.row_distance, r.to, r.column_distance, r.rows, r.real, r.first, r.end, r.columns});
}

}  // namespace cnnc::codegen

#include "codegen/llvm/loop_builder.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>

#include "codegen/llvm/contraction.h"

namespace cnnc::codegen {

using llvm::BasicBlock;
using llvm::IRBuilderBase;
using llvm::Value;

Size::Size(Value* value) : is_constant_(false), value_(value) {
  if (auto number = value ? constant_of(value) : std::nullopt) {
    is_constant_ = true;
    constant_ = *number;
  }
}

Value* Size::emit(IRBuilderBase& b) const { return is_constant_ ? b.getInt64(constant_) : value_; }

std::optional<int64_t> constant_of(const Value* value) {
  if (auto* number = llvm::dyn_cast<llvm::ConstantInt>(value)) return number->getSExtValue();
  return std::nullopt;
}

static bool is(const Value* value, int64_t number) { return constant_of(value) == number; }

Value* add(IRBuilderBase& b, Value* x, Value* y) {
  if (is(x, 0)) return y;
  return is(y, 0) ? x : b.CreateAdd(x, y);
}

Value* add(IRBuilderBase& b, Value* x, int64_t y) { return add(b, x, b.getInt64(y)); }

Value* sub(IRBuilderBase& b, Value* x, Value* y) { return is(y, 0) ? x : b.CreateSub(x, y); }

Value* mul(IRBuilderBase& b, Value* x, Value* y) {
  if (is(x, 0) || is(y, 1)) return x;
  if (is(y, 0) || is(x, 1)) return y;
  return b.CreateMul(x, y);
}

Value* mul(IRBuilderBase& b, Value* x, int64_t y) { return mul(b, x, b.getInt64(y)); }

Value* min(IRBuilderBase& b, Value* x, Value* y) {
  auto p = constant_of(x), q = constant_of(y);
  if (p && q) return b.getInt64(std::min(*p, *q));
  return b.CreateSelect(b.CreateICmpSLT(x, y), x, y);
}

Value* max(IRBuilderBase& b, Value* x, Value* y) {
  auto p = constant_of(x), q = constant_of(y);
  if (p && q) return b.getInt64(std::max(*p, *q));
  return b.CreateSelect(b.CreateICmpSGT(x, y), x, y);
}

Value* div(IRBuilderBase& b, Value* x, Value* y) { return is(y, 1) ? x : b.CreateUDiv(x, y); }

Value* rem(IRBuilderBase& b, Value* x, Value* y) {
  return is(y, 1) ? b.getInt64(0) : b.CreateURem(x, y);
}

Value* ceil_div(IRBuilderBase& b, Value* x, int64_t y) {
  return div(b, add(b, x, y - 1), b.getInt64(y));
}

namespace {

// A bottom-tested loop; the caller has made sure that it runs at least once.
Values emit_rotated_loop(IRBuilderBase& b, Value* begin, Value* end, int64_t step,
                         const Values& carried,
                         llvm::function_ref<Values(Value*, const Values&)> body) {
  auto* function = b.GetInsertBlock()->getParent();
  BasicBlock* before = b.GetInsertBlock();
  BasicBlock* header = BasicBlock::Create(b.getContext(), "loop", function);
  b.CreateBr(header);
  b.SetInsertPoint(header);
  llvm::PHINode* index = b.CreatePHI(b.getInt64Ty(), 2);
  index->addIncoming(begin, before);
  Values phis;
  for (Value* value : carried) {
    llvm::PHINode* phi = b.CreatePHI(value->getType(), 2);
    phi->addIncoming(value, before);
    phis.push_back(phi);
  }
  Values results = body(index, phis);
  Value* next = b.CreateAdd(index, b.getInt64(step));
  index->addIncoming(next, b.GetInsertBlock());
  for (size_t i = 0; i < results.size(); ++i)
    llvm::cast<llvm::PHINode>(phis[i])->addIncoming(results[i], b.GetInsertBlock());
  BasicBlock* after = BasicBlock::Create(b.getContext(), "after", function);
  b.CreateCondBr(b.CreateICmpSLT(next, end), header, after);
  b.SetInsertPoint(after);
  return results;
}

Values emit_guarded_loop(IRBuilderBase& b, Value* begin, Value* end, int64_t step,
                         const Values& carried,
                         llvm::function_ref<Values(Value*, const Values&)> body) {
  auto* function = b.GetInsertBlock()->getParent();
  BasicBlock* before = b.GetInsertBlock();
  BasicBlock* enter = BasicBlock::Create(b.getContext(), "enter", function);
  BasicBlock* done = BasicBlock::Create(b.getContext(), "done");
  b.CreateCondBr(b.CreateICmpSLT(begin, end), enter, done);
  b.SetInsertPoint(enter);
  Values results = emit_rotated_loop(b, begin, end, step, carried, body);
  BasicBlock* last = b.GetInsertBlock();
  b.CreateBr(done);
  done->insertInto(function);
  b.SetInsertPoint(done);
  for (size_t i = 0; i < results.size(); ++i) {
    llvm::PHINode* phi = b.CreatePHI(results[i]->getType(), 2);
    phi->addIncoming(carried[i], before);
    phi->addIncoming(results[i], last);
    results[i] = phi;
  }
  return results;
}

}  // namespace

Values emit_loop(IRBuilderBase& b, Value* begin, Value* end, int64_t step, const Values& carried,
                 llvm::function_ref<Values(Value*, const Values&)> body) {
  auto first = constant_of(begin), last = constant_of(end);
  if (!first || !last) return emit_guarded_loop(b, begin, end, step, carried, body);
  if (*first >= *last) return carried;
  if (*first + step >= *last) return body(begin, carried);
  return emit_rotated_loop(b, begin, end, step, carried, body);
}

void emit_loop(IRBuilderBase& b, Value* begin, Value* end, int64_t step,
               llvm::function_ref<void(Value*)> body) {
  emit_loop(b, begin, end, step, Values{}, [&](Value* i, const Values&) {
    body(i);
    return Values{};
  });
}

void emit_if(IRBuilderBase& b, Value* condition, llvm::function_ref<void()> body) {
  auto* function = b.GetInsertBlock()->getParent();
  BasicBlock* then = BasicBlock::Create(b.getContext(), "then", function);
  BasicBlock* done = BasicBlock::Create(b.getContext(), "done");
  b.CreateCondBr(condition, then, done);
  b.SetInsertPoint(then);
  body();
  b.CreateBr(done);
  done->insertInto(function);
  b.SetInsertPoint(done);
}

Value* lane_mask(IRBuilderBase& b, int lanes, Value* count) {
  llvm::SmallVector<llvm::Constant*, 16> numbers;
  for (int i = 0; i < lanes; ++i) numbers.push_back(b.getInt32(i));
  Value* bounded = max(b, min(b, count, b.getInt64(lanes)), b.getInt64(0));
  Value* limit = b.CreateVectorSplat(lanes, b.CreateTrunc(bounded, b.getInt32Ty()));
  return b.CreateICmpSLT(llvm::ConstantVector::get(numbers), limit);
}

std::vector<Value*> unflatten(IRBuilderBase& b, Value* index, const std::vector<Value*>& extents) {
  std::vector<Value*> parts(extents.size());
  for (size_t i = extents.size(); i-- > 1;) {
    parts[i] = rem(b, index, extents[i]);
    index = div(b, index, extents[i]);
  }
  if (!parts.empty()) parts[0] = extents.size() == 1 || !is(extents[0], 1) ? index : b.getInt64(0);
  return parts;
}

}  // namespace cnnc::codegen

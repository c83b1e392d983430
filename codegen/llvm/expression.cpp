#include "codegen/llvm/expression.h"

#include <llvm/IR/Intrinsics.h>

#include "ir/error.h"

namespace cnnc::codegen {

using llvm::Value;

llvm::Type* register_type(llvm::LLVMContext& context, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return llvm::Type::getFloatTy(context);
    case DType::f64:
      return llvm::Type::getDoubleTy(context);
    case DType::f16:
      return llvm::Type::getHalfTy(context);
    case DType::boolean:
      return llvm::Type::getInt1Ty(context);
    default:
      return llvm::Type::getIntNTy(context, static_cast<unsigned>(size_of(dtype) * 8));
  }
}

llvm::Type* memory_type(llvm::LLVMContext& context, DType dtype) {
  return dtype == DType::boolean ? llvm::Type::getInt8Ty(context) : register_type(context, dtype);
}

llvm::Type* lanes_of(llvm::Type* type, int lanes) {
  return lanes == 1 ? type : llvm::FixedVectorType::get(type, static_cast<unsigned>(lanes));
}

// Whether evaluating `expr` would load what has not been loaded yet; what has been is safe to use on any path.
bool ExpressionEmitter::loads_anew(const Scalar& expr) const {
  bool found = false;
  visit(expr, [&](const Scalar& e) { found |= e.op() == ScalarOp::load && !memo_.count(e.get()); });
  return found;
}

Emitted ExpressionEmitter::emit(const Scalar& expr) {
  if (auto it = memo_.find(expr.get()); it != memo_.end()) return it->second.second;
  const Emitted result = compute(expr);
  memo_[expr.get()] = {expr, result};
  return result;
}

Value* ExpressionEmitter::emit_vector(const Scalar& expr) { return as_vector(emit(expr)); }

Value* ExpressionEmitter::as_vector(const Emitted& e) {
  if (scope_.lanes == 1 || e.kind == Emitted::vector) return e.value;
  Value* splat = b_.CreateVectorSplat(static_cast<unsigned>(scope_.lanes), e.value);
  if (e.kind == Emitted::uniform) return splat;
  std::vector<llvm::Constant*> offsets;
  for (int i = 0; i < scope_.lanes; ++i) offsets.push_back(b_.getInt64(static_cast<uint64_t>(i * e.stride)));
  return b_.CreateAdd(splat, llvm::ConstantVector::get(offsets));
}

Emitted ExpressionEmitter::compute(const Scalar& expr) {
  switch (expr.op()) {
    case ScalarOp::constant:
      return emit_constant(expr);
    case ScalarOp::index:
      return scope_.index(static_cast<int>(expr->integer));
    case ScalarOp::size:
      return {Emitted::uniform, scope_.size(expr->dim)};
    case ScalarOp::param:
      return scope_.param(static_cast<int>(expr->integer), expr.dtype());
    case ScalarOp::load:
      return emit_load(expr);
    case ScalarOp::select:
      return emit_select(expr);
    default:
      break;
  }
  std::vector<Emitted> args;
  bool uniform = true;
  for (const Scalar& a : expr->args) {
    args.push_back(emit(a));
    uniform &= args.back().kind == Emitted::uniform;
  }
  if (!uniform && expr.dtype() == DType::i64) {
    bool done = false;
    const Emitted linear = emit_index_arithmetic(expr, args[0], args.size() > 1 ? args[1] : Emitted{}, done);
    if (done) return linear;
  }
  std::vector<Value*> values;
  for (const Emitted& a : args) values.push_back(uniform ? a.value : as_vector(a));
  Value* result = nullptr;
  if (values.size() == 1) {
    result = emit_unary(expr, values[0]);
  } else if (values.size() == 2) {
    result = emit_binary(expr, values[0], values[1]);
  } else {
    CNNC_CHECK(expr.op() == ScalarOp::fma) << expr.str();
    result = b_.CreateIntrinsic(llvm::Intrinsic::fma, {values[0]->getType()}, {values[0], values[1], values[2]});
  }
  return {uniform || scope_.lanes == 1 ? Emitted::uniform : Emitted::vector, result};
}

// Keeps base + lane * stride through additions and constant factors, so that loads see their stride.
Emitted ExpressionEmitter::emit_index_arithmetic(const Scalar& expr, const Emitted& a, const Emitted& b, bool& done) {
  done = true;
  const bool vectors = a.kind == Emitted::vector || b.kind == Emitted::vector;
  switch (expr.op()) {
    case ScalarOp::add:
      if (!vectors) return {Emitted::linear, b_.CreateAdd(a.value, b.value), a.stride + b.stride};
      break;
    case ScalarOp::sub:
      if (!vectors) return {Emitted::linear, b_.CreateSub(a.value, b.value), a.stride - b.stride};
      break;
    case ScalarOp::neg:
      if (!vectors) return {Emitted::linear, b_.CreateNeg(a.value), -a.stride};
      break;
    case ScalarOp::mul:
      for (int side = 0; side < 2; ++side) {
        const Emitted &x = side ? b : a, &factor = side ? a : b;
        auto* number = llvm::dyn_cast<llvm::ConstantInt>(factor.value);
        if (x.kind == Emitted::linear && factor.kind == Emitted::uniform && number)
          return {Emitted::linear, b_.CreateMul(x.value, factor.value), x.stride * number->getSExtValue()};
      }
      break;
    default:
      break;
  }
  done = false;
  return {};
}

Emitted ExpressionEmitter::emit_constant(const Scalar& expr) {
  llvm::Type* type = register_type(b_.getContext(), expr.dtype());
  if (expr.dtype() == DType::bf16 || expr.dtype() == DType::f16) {
    Value* f32 = llvm::ConstantFP::get(b_.getFloatTy(), expr->number);
    return {Emitted::uniform, emit_cast(DType::f32, expr.dtype(), f32)};
  }
  if (is_opaque(expr.dtype())) return {Emitted::uniform, emit_opaque_constant(expr)};
  if (is_float(expr.dtype())) return {Emitted::uniform, llvm::ConstantFP::get(type, expr->number)};
  return {Emitted::uniform, llvm::ConstantInt::get(type, static_cast<uint64_t>(expr->integer))};
}

// The bits of a complex number without an imaginary part; the address of the empty string.
Value* ExpressionEmitter::emit_opaque_constant(const Scalar& expr) {
  llvm::Type* type = register_type(b_.getContext(), expr.dtype());
  if (expr.dtype() == DType::string) return b_.CreatePtrToInt(b_.CreateGlobalString("", "empty"), type);
  const bool single = expr.dtype() == DType::c64;
  llvm::Type* part = single ? b_.getFloatTy() : b_.getDoubleTy();
  Value* bits = b_.CreateBitCast(llvm::ConstantFP::get(part, expr->number),
                                 single ? b_.getInt32Ty() : b_.getInt64Ty());
  return b_.CreateZExt(bits, type);
}

// ---- memory ----------------------------------------------------------------------------------------------------------

Emitted ExpressionEmitter::emit_load(const Scalar& expr) {
  CNNC_CHECK(expr->args.size() == 1) << "load without a flat offset: " << expr.str();
  const Emitted offset = emit(expr.arg(0));
  llvm::Type* type = memory_type(b_.getContext(), expr.dtype());
  Value* base = scope_.operand(static_cast<int>(expr->integer));
  Value* loaded;
  const bool uniform = offset.kind == Emitted::uniform || (offset.kind == Emitted::linear && offset.stride == 0);
  if (uniform) {
    auto* load = b_.CreateLoad(type, b_.CreateGEP(type, base, offset.value));
    load->setAlignment(llvm::Align(alignment_of(expr.dtype())));
    loaded = load;
  } else {
    loaded = load_lanes(type, base, offset);
  }
  if (expr.dtype() == DType::boolean) loaded = b_.CreateICmpNE(loaded, llvm::Constant::getNullValue(loaded->getType()));
  return {uniform || scope_.lanes == 1 ? Emitted::uniform : Emitted::vector, loaded};
}

Value* ExpressionEmitter::load_lanes(llvm::Type* type, Value* base, const Emitted& offset) {
  llvm::Type* lanes = lanes_of(type, scope_.lanes);
  const llvm::Align align(type->getScalarSizeInBits() / 8);
  if (offset.kind == Emitted::linear && offset.stride == 1) {
    Value* address = b_.CreateGEP(type, base, offset.value);
    if (scope_.mask)
      return b_.CreateMaskedLoad(lanes, address, align, scope_.mask, llvm::Constant::getNullValue(lanes));
    return b_.CreateAlignedLoad(lanes, address, align);
  }
  // Narrow types have no gather instruction; neither is one needed where the lanes are few.
  Value* addresses = b_.CreateGEP(type, base, as_vector(offset));
  Value* mask = scope_.mask ? scope_.mask
                            : llvm::ConstantInt::getTrue(llvm::VectorType::get(
                                  b_.getInt1Ty(), llvm::ElementCount::getFixed(static_cast<unsigned>(scope_.lanes))));
  return b_.CreateMaskedGather(lanes, addresses, align, mask, llvm::Constant::getNullValue(lanes));
}

void ExpressionEmitter::store(Value* base, const Emitted& offset, DType dtype, Value* value) {
  llvm::Type* type = memory_type(b_.getContext(), dtype);
  if (dtype == DType::boolean) value = b_.CreateZExt(value, lanes_of(type, scope_.lanes));
  const llvm::Align align(alignment_of(dtype));
  if (scope_.lanes == 1) {
    b_.CreateAlignedStore(value, b_.CreateGEP(type, base, offset.value), align);
  } else if (offset.kind == Emitted::linear && offset.stride == 1) {
    Value* address = b_.CreateGEP(type, base, offset.value);
    if (scope_.mask) b_.CreateMaskedStore(value, address, align, scope_.mask);
    else b_.CreateAlignedStore(value, address, align);
  } else {
    b_.CreateMaskedScatter(value, b_.CreateGEP(type, base, as_vector(offset)), align, scope_.mask);
  }
}

// ---- select ----------------------------------------------------------------------------------------------------------

Emitted ExpressionEmitter::emit_select(const Scalar& expr) {
  const Emitted condition = emit(expr.arg(0));
  const bool loads = loads_anew(expr.arg(1)) || loads_anew(expr.arg(2));
  if (condition.kind == Emitted::uniform && loads) return emit_branch(expr, condition.value);
  if (!loads) {
    const Emitted a = emit(expr.arg(1)), c = emit(expr.arg(2));
    const bool uniform = a.kind == Emitted::uniform && c.kind == Emitted::uniform;
    if (condition.kind == Emitted::uniform && uniform)
      return {Emitted::uniform, b_.CreateSelect(condition.value, a.value, c.value)};
    Value* chosen = b_.CreateSelect(condition.kind == Emitted::uniform ? condition.value : as_vector(condition),
                                    as_vector(a), as_vector(c));
    return {Emitted::vector, chosen};
  }
  // Lanes differ: each side loads under its own lanes' mask.
  Value* lanes = as_vector(condition);
  auto side = [&](const Scalar& e, Value* mask) {
    if (!loads_anew(e)) return emit_vector(e);
    ExpressionScope masked = scope_;
    masked.mask = scope_.mask ? b_.CreateAnd(scope_.mask, mask) : mask;
    ExpressionEmitter emitter(b_, masked);
    emitter.memo_ = memo_;
    return emitter.emit_vector(e);
  };
  Value* a = side(expr.arg(1), lanes);
  Value* c = side(expr.arg(2), b_.CreateNot(lanes));
  return {Emitted::vector, b_.CreateSelect(lanes, a, c)};
}

Emitted ExpressionEmitter::emit_branch(const Scalar& expr, Value* condition) {
  llvm::Function* function = b_.GetInsertBlock()->getParent();
  auto* then_block = llvm::BasicBlock::Create(b_.getContext(), "then", function);
  auto* else_block = llvm::BasicBlock::Create(b_.getContext(), "else", function);
  auto* join = llvm::BasicBlock::Create(b_.getContext(), "join", function);
  b_.CreateCondBr(condition, then_block, else_block);
  // What a side computes exists only on its path.
  const Memo before = memo_;
  auto side = [&](llvm::BasicBlock* block, const Scalar& e) {
    b_.SetInsertPoint(block);
    Value* value = emit_vector(e);
    llvm::BasicBlock* last = b_.GetInsertBlock();
    b_.CreateBr(join);
    memo_ = before;
    return std::pair(value, last);
  };
  const auto [a, a_block] = side(then_block, expr.arg(1));
  const auto [c, c_block] = side(else_block, expr.arg(2));
  b_.SetInsertPoint(join);
  llvm::PHINode* phi = b_.CreatePHI(a->getType(), 2);
  phi->addIncoming(a, a_block);
  phi->addIncoming(c, c_block);
  return {scope_.lanes == 1 ? Emitted::uniform : Emitted::vector, phi};
}

}  // namespace cnnc::codegen

#include "codegen/llvm/expression.h"

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>

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

bool contains_load(const Scalar& expr) {
  bool found = false;
  visit(expr, [&](const Scalar& e) { found |= e.op() == ScalarOp::load; });
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
  if (is_float(expr.dtype())) return {Emitted::uniform, llvm::ConstantFP::get(type, expr->number)};
  return {Emitted::uniform, llvm::ConstantInt::get(type, static_cast<uint64_t>(expr->integer))};
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
    load->setAlignment(llvm::Align(size_of(expr.dtype())));
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
  const llvm::Align align(size_of(dtype));
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
  const bool loads = contains_load(expr.arg(1)) || contains_load(expr.arg(2));
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
    if (!contains_load(e)) return emit_vector(e);
    ExpressionScope masked = scope_;
    masked.mask = scope_.mask ? b_.CreateAnd(scope_.mask, mask) : mask;
    return ExpressionEmitter(b_, masked).emit_vector(e);
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

// ---- operators -------------------------------------------------------------------------------------------------------

static Value* bf16_to_float(llvm::IRBuilderBase& b, Value* v, llvm::Type* i32, llvm::Type* f32) {
  return b.CreateBitCast(b.CreateShl(b.CreateZExt(v, i32), 16), f32);
}

static Value* float_to_bf16(llvm::IRBuilderBase& b, Value* v, llvm::Type* i32, llvm::Type* i16) {
  Value* bits = b.CreateBitCast(v, i32);
  auto number = [&](uint32_t n) { return llvm::ConstantInt::get(i32, n); };
  Value* odd = b.CreateAnd(b.CreateLShr(bits, number(16)), number(1));
  Value* rounded = b.CreateLShr(b.CreateAdd(b.CreateAdd(bits, number(0x7FFF)), odd), number(16));
  Value* nan = b.CreateOr(b.CreateLShr(bits, number(16)), number(0x40));
  return b.CreateTrunc(b.CreateSelect(b.CreateFCmpUNO(v, v), nan, rounded), i16);
}

Value* ExpressionEmitter::emit_cast(DType from, DType to, Value* v) {
  if (from == to) return v;
  auto type_like = [&](llvm::Type* element) {
    auto* vector = llvm::dyn_cast<llvm::VectorType>(v->getType());
    return vector ? llvm::VectorType::get(element, vector->getElementCount()) : element;
  };
  llvm::Type* f32 = type_like(b_.getFloatTy());
  if (from == DType::bf16) {
    v = bf16_to_float(b_, v, type_like(b_.getInt32Ty()), f32);
    return emit_cast(DType::f32, to, v);
  }
  if (to == DType::bf16) {
    v = emit_cast(from, DType::f32, v);
    return float_to_bf16(b_, v, type_like(b_.getInt32Ty()), type_like(b_.getInt16Ty()));
  }
  llvm::Type* target = type_like(register_type(b_.getContext(), to));
  if (to == DType::boolean) {
    llvm::Constant* zero = llvm::Constant::getNullValue(v->getType());
    return is_float(from) ? b_.CreateFCmpUNE(v, zero) : b_.CreateICmpNE(v, zero);
  }
  if (is_float(from) && is_float(to)) return b_.CreateFPCast(v, target);
  if (is_float(from)) {
    // The saturating conversion of half is not lowered everywhere.
    if (from == DType::f16) v = b_.CreateFPExt(v, f32);
    const auto id = is_signed_int(to) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    return b_.CreateIntrinsic(id, {target, v->getType()}, {v});
  }
  if (is_float(to)) {
    if (to == DType::f16) return b_.CreateFPTrunc(emit_cast(from, DType::f32, v), target);
    return is_signed_int(from) ? b_.CreateSIToFP(v, target) : b_.CreateUIToFP(v, target);
  }
  return b_.CreateIntCast(v, target, is_signed_int(from));
}

static llvm::Intrinsic::ID float_intrinsic(ScalarOp op) {
  switch (op) {
    case ScalarOp::abs:
      return llvm::Intrinsic::fabs;
    case ScalarOp::sqrt:
      return llvm::Intrinsic::sqrt;
    case ScalarOp::floor:
      return llvm::Intrinsic::floor;
    case ScalarOp::ceil:
      return llvm::Intrinsic::ceil;
    case ScalarOp::trunc:
      return llvm::Intrinsic::trunc;
    case ScalarOp::round_even:
      return llvm::Intrinsic::roundeven;
    case ScalarOp::exp:
      return llvm::Intrinsic::exp;
    case ScalarOp::log:
      return llvm::Intrinsic::log;
    case ScalarOp::sin:
      return llvm::Intrinsic::sin;
    case ScalarOp::cos:
      return llvm::Intrinsic::cos;
    default:
      return llvm::Intrinsic::not_intrinsic;
  }
}

// A call of libm's function for each lane.
static Value* call_libm(llvm::IRBuilderBase& b, std::string name, llvm::ArrayRef<Value*> args) {
  llvm::Type* type = args[0]->getType();
  llvm::Type* element = type->getScalarType();
  if (element->isFloatTy()) name += "f";
  std::vector<llvm::Type*> params(args.size(), element);
  llvm::Module* module = b.GetInsertBlock()->getModule();
  auto callee = module->getOrInsertFunction(name, llvm::FunctionType::get(element, params, false));
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  if (vector == nullptr) return b.CreateCall(callee, args);
  Value* result = llvm::PoisonValue::get(type);
  for (unsigned i = 0; i < vector->getNumElements(); ++i) {
    std::vector<Value*> lane;
    for (Value* a : args) lane.push_back(b.CreateExtractElement(a, i));
    result = b.CreateInsertElement(result, b.CreateCall(callee, lane), i);
  }
  return result;
}

static const char* libm_name(ScalarOp op) {
  switch (op) {
    case ScalarOp::exp:
      return "exp";
    case ScalarOp::log:
      return "log";
    case ScalarOp::sin:
      return "sin";
    case ScalarOp::cos:
      return "cos";
    case ScalarOp::tan:
      return "tan";
    case ScalarOp::asin:
      return "asin";
    case ScalarOp::acos:
      return "acos";
    case ScalarOp::atan:
      return "atan";
    case ScalarOp::sinh:
      return "sinh";
    case ScalarOp::cosh:
      return "cosh";
    case ScalarOp::tanh:
      return "tanh";
    case ScalarOp::asinh:
      return "asinh";
    case ScalarOp::acosh:
      return "acosh";
    case ScalarOp::atanh:
      return "atanh";
    case ScalarOp::erf:
      return "erf";
    case ScalarOp::log1p:
      return "log1p";
    case ScalarOp::expm1:
      return "expm1";
    case ScalarOp::pow:
      return "pow";
    case ScalarOp::rem:
      return "fmod";
    default:
      return nullptr;
  }
}

Value* ExpressionEmitter::emit_unary(const Scalar& expr, Value* a) {
  const DType type = expr.arg(0).dtype();
  switch (expr.op()) {
    case ScalarOp::neg:
      return is_float(type) ? b_.CreateFNeg(a) : b_.CreateNeg(a);
    case ScalarOp::is_nan:
      return b_.CreateFCmpUNO(a, a);
    case ScalarOp::bit_not:
      return b_.CreateNot(a);
    case ScalarOp::cast:
      return emit_cast(type, expr.dtype(), a);
    case ScalarOp::bitcast: {
      llvm::Type* element = register_type(b_.getContext(), expr.dtype());
      auto* vector = llvm::dyn_cast<llvm::VectorType>(a->getType());
      return b_.CreateBitCast(a, vector ? llvm::VectorType::get(element, vector->getElementCount()) : element);
    }
    case ScalarOp::abs:
      if (!is_float(type)) return is_unsigned_int(type) ? a : b_.CreateBinaryIntrinsic(llvm::Intrinsic::abs, a, b_.getFalse());
      break;
    case ScalarOp::floor:
    case ScalarOp::ceil:
    case ScalarOp::trunc:
    case ScalarOp::round_even:
      if (!is_float(type)) return a;
      break;
    default:
      break;
  }
  if (const char* name = libm_name(expr.op())) return call_libm(b_, name, {a});
  const auto id = float_intrinsic(expr.op());
  CNNC_CHECK(id != llvm::Intrinsic::not_intrinsic) << "no code for " << expr.str();
  return b_.CreateUnaryIntrinsic(id, a);
}

Value* ExpressionEmitter::emit_binary(const Scalar& expr, Value* a, Value* c) {
  const DType type = expr.arg(0).dtype();
  const bool floats = is_float(type), is_signed = is_signed_int(type);
  switch (expr.op()) {
    case ScalarOp::add:
      return floats ? b_.CreateFAdd(a, c) : b_.CreateAdd(a, c);
    case ScalarOp::sub:
      return floats ? b_.CreateFSub(a, c) : b_.CreateSub(a, c);
    case ScalarOp::mul:
      return floats ? b_.CreateFMul(a, c) : b_.CreateMul(a, c);
    case ScalarOp::div:
    case ScalarOp::floor_div:
    case ScalarOp::rem:
      return emit_division(expr, a, c);
    case ScalarOp::pow:
      CNNC_CHECK(floats) << "pow of integers: " << expr.str();
      return call_libm(b_, "pow", {a, c});
    case ScalarOp::min:
    case ScalarOp::max:
      return emit_min_max(expr, a, c);
    case ScalarOp::bit_and:
      return b_.CreateAnd(a, c);
    case ScalarOp::bit_or:
      return b_.CreateOr(a, c);
    case ScalarOp::bit_xor:
      return b_.CreateXor(a, c);
    case ScalarOp::shl:
    case ScalarOp::shr:
      return emit_shift(expr, a, c);
    case ScalarOp::eq:
      return floats ? b_.CreateFCmpOEQ(a, c) : b_.CreateICmpEQ(a, c);
    case ScalarOp::lt:
      return floats ? b_.CreateFCmpOLT(a, c) : is_signed ? b_.CreateICmpSLT(a, c) : b_.CreateICmpULT(a, c);
    case ScalarOp::le:
      return floats ? b_.CreateFCmpOLE(a, c) : is_signed ? b_.CreateICmpSLE(a, c) : b_.CreateICmpULE(a, c);
    default:
      break;
  }
  CNNC_CHECK(false) << "no code for " << expr.str();
  return nullptr;
}

Value* ExpressionEmitter::emit_min_max(const Scalar& expr, Value* a, Value* c) {
  const bool is_min = expr.op() == ScalarOp::min;
  const DType type = expr.dtype();
  if (!is_float(type)) {
    const auto id = is_signed_int(type) ? (is_min ? llvm::Intrinsic::smin : llvm::Intrinsic::smax)
                                        : (is_min ? llvm::Intrinsic::umin : llvm::Intrinsic::umax);
    return b_.CreateBinaryIntrinsic(id, a, c);
  }
  auto pick = [&](Value* x, Value* y) {  // y when it is beyond x, else x: NaN in x stays
    return b_.CreateSelect(is_min ? b_.CreateFCmpOLT(y, x) : b_.CreateFCmpOGT(y, x), y, x);
  };
  // One instruction when the other side is a number; the constant must be the one that loses to NaN.
  if (expr.arg(1).is_constant() && expr.arg(1)->number == expr.arg(1)->number) return pick(a, c);
  if (expr.arg(0).is_constant() && expr.arg(0)->number == expr.arg(0)->number) return pick(c, a);
  return b_.CreateSelect(b_.CreateFCmpUNO(c, c), c, pick(a, c));
}

Value* ExpressionEmitter::emit_division(const Scalar& expr, Value* a, Value* c) {
  const DType type = expr.dtype();
  if (is_float(type)) {
    if (expr.op() == ScalarOp::div) return b_.CreateFDiv(a, c);
    if (expr.op() == ScalarOp::rem) return call_libm(b_, "fmod", {a, c});
    return b_.CreateUnaryIntrinsic(llvm::Intrinsic::floor, b_.CreateFDiv(a, c));
  }
  // Division by zero gives 0 and the smallest number over -1 wraps; the hardware traps on both.
  llvm::Constant* zero = llvm::Constant::getNullValue(a->getType());
  llvm::Constant* one = llvm::ConstantInt::get(a->getType(), 1);
  const Scalar& divisor = expr.arg(1);
  const bool safe = divisor.is_constant() && divisor->integer != 0 && divisor->integer != -1;
  Value* by_zero = b_.CreateICmpEQ(c, zero);
  if (!is_signed_int(type)) {
    Value* d = safe ? c : b_.CreateSelect(by_zero, one, c);
    Value* q = expr.op() == ScalarOp::rem ? b_.CreateURem(a, d) : b_.CreateUDiv(a, d);
    return safe ? q : b_.CreateSelect(by_zero, zero, q);
  }
  llvm::Constant* minus_one = llvm::ConstantInt::getSigned(a->getType(), -1);
  Value* by_minus_one = b_.CreateICmpEQ(c, minus_one);
  Value* d = safe ? c : b_.CreateSelect(b_.CreateOr(by_zero, by_minus_one), one, c);
  Value* q = b_.CreateSDiv(a, d);
  Value* r = b_.CreateSub(a, b_.CreateMul(q, d));
  Value* result = expr.op() == ScalarOp::rem ? r : q;
  if (expr.op() == ScalarOp::floor_div) {
    Value* down = b_.CreateAnd(b_.CreateICmpNE(r, zero), b_.CreateICmpSLT(b_.CreateXor(r, d), zero));
    result = b_.CreateSub(q, b_.CreateZExt(down, a->getType()));
  }
  if (safe) return result;
  if (expr.op() != ScalarOp::rem) result = b_.CreateSelect(by_minus_one, b_.CreateNeg(a), result);
  return b_.CreateSelect(by_zero, zero, result);
}

Value* ExpressionEmitter::emit_shift(const Scalar& expr, Value* a, Value* c) {
  llvm::Constant* zero = llvm::Constant::getNullValue(a->getType());
  const auto bits = a->getType()->getScalarSizeInBits();
  Value* fits = b_.CreateICmpULT(c, llvm::ConstantInt::get(a->getType(), bits));
  Value* amount = b_.CreateSelect(fits, c, zero);
  Value* shifted = expr.op() == ScalarOp::shl           ? b_.CreateShl(a, amount)
                   : is_signed_int(expr.arg(0).dtype()) ? b_.CreateAShr(a, amount)
                                                        : b_.CreateLShr(a, amount);
  return b_.CreateSelect(fits, shifted, zero);
}

}  // namespace cnnc::codegen

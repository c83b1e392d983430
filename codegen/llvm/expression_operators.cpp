// The operators of scalar expressions: conversions, arithmetic, comparisons, functions.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/Module.h>

#include "codegen/llvm/expression.h"
#include "ir/error.h"

namespace cnnc::codegen {

using llvm::Value;

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
      if (type == DType::string) return emit_same_text(a, c);
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

Value* ExpressionEmitter::emit_same_text(Value* a, Value* c) {
  llvm::Type* pointer = b_.getPtrTy();
  auto* type = llvm::FunctionType::get(b_.getInt32Ty(), {pointer, pointer}, false);
  auto strcmp = b_.GetInsertBlock()->getModule()->getOrInsertFunction("strcmp", type);
  Value* order = b_.CreateCall(strcmp, {b_.CreateIntToPtr(a, pointer), b_.CreateIntToPtr(c, pointer)});
  return b_.CreateICmpEQ(order, b_.getInt32(0));
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

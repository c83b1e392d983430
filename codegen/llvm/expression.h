// Scalar expressions to LLVM IR: one element, or a vector of elements that are neighbours along one loop.
#pragma once
#include <llvm/IR/IRBuilder.h>

#include <functional>
#include <map>
#include <vector>

#include "ir/scalar.h"

namespace cnnc::codegen {

// A computed value: the same for all lanes (`uniform`), base + lane * stride (`linear`, i64 only), or one per lane.
struct Emitted {
  enum Kind { uniform, linear, vector } kind = uniform;
  llvm::Value* value = nullptr;
  int64_t stride = 0;  // of linear
};

// Where an expression's leaves come from.
struct ExpressionScope {
  std::function<Emitted(int axis)> index;
  std::function<llvm::Value*(const Dim&)> size;             // i64
  std::function<Emitted(int number, DType)> param;
  std::function<llvm::Value*(int operand)> operand;         // address of element 0
  int lanes = 1;
  llvm::Value* mask = nullptr;  // <lanes x i1>: lanes that may load; null: all
};

class ExpressionEmitter {
 public:
  ExpressionEmitter(llvm::IRBuilderBase& builder, const ExpressionScope& scope) : b_(builder), scope_(scope) {}

  // Loads must have one index, the flat element offset.
  Emitted emit(const Scalar& expr);
  // The value as <lanes x T>, or T when lanes is 1; bools are i1, bf16 is held as i16.
  llvm::Value* emit_vector(const Scalar& expr);
  llvm::Value* as_vector(const Emitted& value);
  // Stores to `address + offset` elements under the scope's mask.
  void store(llvm::Value* base, const Emitted& offset, DType dtype, llvm::Value* value);

 private:
  using Memo = std::map<const Scalar::Node*, std::pair<Scalar, Emitted>>;

  Emitted compute(const Scalar& expr);
  Emitted emit_index_arithmetic(const Scalar& expr, const Emitted& a, const Emitted& b, bool& done);
  Emitted emit_load(const Scalar& expr);
  llvm::Value* load_lanes(llvm::Type* type, llvm::Value* base, const Emitted& offset);
  bool loads_anew(const Scalar& expr) const;
  Emitted emit_select(const Scalar& expr);
  Emitted emit_branch(const Scalar& expr, llvm::Value* condition);
  Emitted emit_constant(const Scalar& expr);
  llvm::Value* emit_opaque_constant(const Scalar& expr);
  llvm::Value* emit_same_text(llvm::Value* a, llvm::Value* b);
  llvm::Value* emit_cast(DType from, DType to, llvm::Value* value);
  llvm::Value* emit_unary(const Scalar& expr, llvm::Value* a);
  llvm::Value* emit_binary(const Scalar& expr, llvm::Value* a, llvm::Value* b);
  llvm::Value* emit_min_max(const Scalar& expr, llvm::Value* a, llvm::Value* b);
  llvm::Value* emit_division(const Scalar& expr, llvm::Value* a, llvm::Value* b);
  llvm::Value* emit_shift(const Scalar& expr, llvm::Value* a, llvm::Value* b);

  llvm::IRBuilderBase& b_;
  ExpressionScope scope_;
  Memo memo_;
};

// The LLVM type that holds one element in registers (bool: i1, bf16: i16) and in memory (bool: i8).
llvm::Type* register_type(llvm::LLVMContext& context, DType dtype);
llvm::Type* memory_type(llvm::LLVMContext& context, DType dtype);
// `type` for one lane, <lanes x type> for more.
llvm::Type* lanes_of(llvm::Type* type, int lanes);

}  // namespace cnnc::codegen

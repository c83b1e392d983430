// Small pieces of control flow and index arithmetic shared by the kernel generators.
#pragma once

#include <llvm/ADT/STLFunctionalExtras.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/IRBuilder.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace cnnc::codegen {

using Values = llvm::SmallVector<llvm::Value*, 32>;

std::optional<int64_t> constant_of(const llvm::Value* value);

// Integer arithmetic on i64 that folds constants and neutral elements.
llvm::Value* add(llvm::IRBuilderBase&, llvm::Value*, llvm::Value*);
llvm::Value* add(llvm::IRBuilderBase&, llvm::Value*, int64_t);
llvm::Value* sub(llvm::IRBuilderBase&, llvm::Value*, llvm::Value*);
llvm::Value* mul(llvm::IRBuilderBase&, llvm::Value*, llvm::Value*);
llvm::Value* mul(llvm::IRBuilderBase&, llvm::Value*, int64_t);
llvm::Value* min(llvm::IRBuilderBase&, llvm::Value*, llvm::Value*);
llvm::Value* max(llvm::IRBuilderBase&, llvm::Value*, llvm::Value*);
// Division and remainder of numbers that are not negative; the quotient is rounded up in ceil_div.
llvm::Value* div(llvm::IRBuilderBase&, llvm::Value*, llvm::Value*);
llvm::Value* rem(llvm::IRBuilderBase&, llvm::Value*, llvm::Value*);
llvm::Value* ceil_div(llvm::IRBuilderBase&, llvm::Value*, int64_t);

// for (i = begin; i < end; i += step) carried = body(i, carried); returns the carried values after
// the loop. A loop that is known to run once leaves no loop behind.
Values emit_loop(llvm::IRBuilderBase&, llvm::Value* begin, llvm::Value* end, int64_t step,
                 const Values& carried,
                 llvm::function_ref<Values(llvm::Value*, const Values&)> body);
void emit_loop(llvm::IRBuilderBase&, llvm::Value* begin, llvm::Value* end, int64_t step,
               llvm::function_ref<void(llvm::Value*)> body);

// if (condition) body();
void emit_if(llvm::IRBuilderBase&, llvm::Value* condition, llvm::function_ref<void()> body);

// Lane numbers below `count`, as <lanes x i1>.
llvm::Value* lane_mask(llvm::IRBuilderBase&, int lanes, llvm::Value* count);

// Splits a flat index over extents, the last one fastest.
std::vector<llvm::Value*> unflatten(llvm::IRBuilderBase&, llvm::Value* index,
                                    const std::vector<llvm::Value*>& extents);

}  // namespace cnnc::codegen

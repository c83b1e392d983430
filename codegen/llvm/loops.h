// The kernel of a loop nest.
#pragma once
#include "codegen/llvm/expression.h"
#include "codegen/loop_plan.h"

namespace cnnc::codegen {

struct LoopOperands {
  std::function<llvm::Value*(int operand)> operand;  // address of element 0
  std::function<llvm::Value*(size_t result)> output;  // the same for results
  std::function<llvm::Value*(const Dim&)> size;
  std::map<int, llvm::Value*> params;  // those of the nest's expressions that are known before its loops
  llvm::Value* begin = nullptr;  // first task
  llvm::Value* end = nullptr;    // one past the last
};

// Emits the tasks [begin, end) at the builder's place and leaves the builder behind them.
void emit_loops(llvm::IRBuilderBase& builder, const LoopPlan& plan, const LoopOperands& operands);

}  // namespace cnnc::codegen

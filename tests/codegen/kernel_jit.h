// Compiles one generated kernel in memory, for tests and benchmarks of the kernel generators.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "codegen/llvm/contraction.h"

namespace cnnc::codegen {

using KernelFunction = void(void* const* args, const int64_t* sizes, int64_t begin, int64_t end,
                            void* scratch);

// What the body of a kernel sees.
struct KernelBody {
  llvm::IRBuilderBase& builder;
  llvm::Function* function;
  llvm::Value* argument(int i) const;  // pointer args[i]
  llvm::Value* size(int i) const;      // sizes[i]
  KernelOperands operands() const;     // input, weights, output = args 0, 1, 2; range and scratch
};

class JitKernel {
 public:
  // `cpu` is a name such as "x86-64-v3", or "native".
  JitKernel(const std::string& cpu, const std::function<void(const KernelBody&)>& emit);
  ~JitKernel();
  JitKernel(const JitKernel&) = delete;

  KernelFunction* function() const { return function_; }
  double compile_seconds() const { return compile_seconds_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  KernelFunction* function_ = nullptr;
  double compile_seconds_ = 0;
};

// The instruction set of a CPU name, and whether this machine has it.
VectorIsa isa_of(const std::string& cpu);
bool machine_has(const std::string& cpu);

}  // namespace cnnc::codegen

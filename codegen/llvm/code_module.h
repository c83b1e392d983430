// A part of a program's code: a module with all that compiling it needs, so that another thread may do it.
#pragma once

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/CodeGen.h>
#include <llvm/Target/TargetMachine.h>

#include <memory>
#include <string>
#include <vector>

#include "codegen/target_machine.h"

namespace cnnc::codegen {

class CodeModule {
 public:
  CodeModule(const TargetSpec& target, bool thorough);

  llvm::LLVMContext& context() { return context_; }
  llvm::Module& module() { return module_; }

  // A function that other modules see; its parameters do not alias.
  llvm::Function* new_function(const std::string& name, const std::vector<llvm::Type*>& params);
  // A function of another module.
  llvm::Function* declare_function(const std::string& name, const std::vector<llvm::Type*>& params);
  // The mid-level passes have to see this function.
  void optimize_later(llvm::Function* function) { unoptimized_.push_back(function); }
  // Runs them.
  void optimize();
  // Object file or assembly.
  std::vector<char> code(llvm::CodeGenFileType type);

 private:
  const TargetSpec& target_;
  llvm::LLVMContext context_;
  llvm::Module module_;
  std::unique_ptr<llvm::TargetMachine> machine_;
  std::vector<llvm::Function*> unoptimized_;
};

}  // namespace cnnc::codegen

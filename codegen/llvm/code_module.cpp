#include "codegen/llvm/code_module.h"

#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/llvm/contraction.h"
#include "ir/error.h"

namespace cnnc::codegen {

static std::unique_ptr<llvm::TargetMachine> make_machine(const TargetSpec& spec, bool thorough) {
  static const bool initialized = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::InitializeNativeTargetAsmParser();
    return true;
  }();
  (void)initialized;
  const std::string triple = "x86_64-unknown-linux-gnu";
  std::string message;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, message);
  CNNC_CHECK(target != nullptr) << message;
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, spec.cpu, spec.features, llvm::TargetOptions(), llvm::Reloc::PIC_,
                                  std::nullopt,
                                  thorough ? llvm::CodeGenOptLevel::Aggressive : llvm::CodeGenOptLevel::Default));
}

CodeModule::CodeModule(const TargetSpec& target, bool thorough)
    : target_(target), module_("cnnc", context_), machine_(make_machine(target, thorough)) {
  module_.setDataLayout(machine_->createDataLayout());
  module_.setTargetTriple(machine_->getTargetTriple().str());
  module_.setPICLevel(llvm::PICLevel::BigPIC);
}

llvm::Function* CodeModule::declare_function(const std::string& name, const std::vector<llvm::Type*>& params) {
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context_), params, false);
  auto* f = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module_);
  f->setVisibility(llvm::GlobalValue::HiddenVisibility);
  return f;
}

llvm::Function* CodeModule::new_function(const std::string& name, const std::vector<llvm::Type*>& params) {
  llvm::Function* f = declare_function(name, params);
  f->setAlignment(llvm::Align(64));  // so that a loop lies in cache lines alike, whatever is before its function
  f->addFnAttr("target-cpu", target_.cpu);
  f->addFnAttr("target-features", target_.features);
  set_kernel_attributes(*f);
  f->addFnAttr(llvm::Attribute::NoUnwind);
  for (unsigned i = 0; i < params.size(); ++i)
    if (params[i]->isPointerTy()) f->addParamAttr(i, llvm::Attribute::NoAlias);
  return f;
}

// Loop kernels are written plainly: common addresses, loop invariants and constants are LLVM's work.
void CodeModule::optimize() {
  if (unoptimized_.empty()) return;
  llvm::PassBuilder builder(machine_.get());
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  llvm::FunctionPassManager passes;
  llvm::cantFail(builder.parsePassPipeline(
      passes, "early-cse<memssa>,instcombine<no-verify-fixpoint>,simplifycfg,loop-mssa(licm),early-cse,simplifycfg"));
  for (llvm::Function* f : unoptimized_) passes.run(*f, functions);
  unoptimized_.clear();
}

std::vector<char> CodeModule::code(llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  CNNC_CHECK(!machine_->addPassesToEmitFile(passes, out, nullptr, type)) << "LLVM cannot write this file type";
  passes.run(module_);
  return {bytes.begin(), bytes.end()};
}

}  // namespace cnnc::codegen

#include "tests/codegen/kernel_jit.h"

#include <llvm/ExecutionEngine/Orc/CompileUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Host.h>

#include <cstdlib>
#include <ctime>

namespace cnnc::codegen {

using llvm::Value;

Value* KernelBody::argument(int i) const {
  Value* place = builder.CreateConstGEP1_64(builder.getPtrTy(), function->getArg(0), i);
  return builder.CreateLoad(builder.getPtrTy(), place);
}

Value* KernelBody::size(int i) const {
  Value* place = builder.CreateConstGEP1_64(builder.getInt64Ty(), function->getArg(1), i);
  return builder.CreateLoad(builder.getInt64Ty(), place);
}

KernelOperands KernelBody::operands() const {
  KernelOperands operands;
  operands.input = argument(0);
  operands.weights = argument(1);
  operands.output = argument(2);
  operands.begin = function->getArg(2);
  operands.end = function->getArg(3);
  operands.scratch = function->getArg(4);
  operands.shared_function = [module = function->getParent()](const std::string& name, const auto& params, const auto& emit) {
    if (llvm::Function* f = module->getFunction(name)) return f;
    auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(module->getContext()), params, false);
    auto* f = llvm::Function::Create(type, llvm::Function::InternalLinkage, name, *module);
    set_kernel_attributes(*f);
    llvm::IRBuilder<> b(llvm::BasicBlock::Create(module->getContext(), "entry", f));
    emit(b, *f);
    b.CreateRetVoid();
    return f;
  };
  return operands;
}

VectorIsa isa_of(const std::string& cpu) {
  if (cpu == "x86-64-v2") return kSse42;
  return cpu == "x86-64-v3" ? kAvx2 : kAvx512;
}

bool machine_has(const std::string& cpu) {
  auto features = llvm::sys::getHostCPUFeatures();
  if (cpu == "x86-64-v2") return features["sse4.2"];
  return features[cpu == "x86-64-v3" ? "avx2" : "avx512bw"];
}

struct JitKernel::State {
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

namespace {

void initialize_target() {
  static const bool done = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)done;
}

template <typename T>
T take(llvm::Expected<T> value) {
  if (value) return std::move(*value);
  llvm::errs() << llvm::toString(value.takeError()) << "\n";
  std::abort();
}

llvm::orc::JITTargetMachineBuilder machine(const std::string& cpu) {
  if (cpu == "native") return take(llvm::orc::JITTargetMachineBuilder::detectHost());
  llvm::orc::JITTargetMachineBuilder builder(llvm::Triple(llvm::sys::getProcessTriple()));
  builder.setCPU(cpu);
  return builder;
}

llvm::Function* declare_kernel(llvm::Module& module, llvm::IRBuilderBase& b) {
  llvm::Type *pointer = b.getPtrTy(), *index = b.getInt64Ty();
  auto* type =
      llvm::FunctionType::get(b.getVoidTy(), {pointer, pointer, index, index, pointer}, false);
  auto* function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, "kernel", module);
  set_kernel_attributes(*function);
  b.SetInsertPoint(llvm::BasicBlock::Create(b.getContext(), "entry", function));
  return function;
}

}  // namespace

JitKernel::JitKernel(const std::string& cpu, const std::function<void(const KernelBody&)>& emit)
    : state_(std::make_unique<State>()) {
  initialize_target();
  std::clock_t start = std::clock();
  state_->jit = take(llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(machine(cpu)).create());
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = std::make_unique<llvm::Module>("kernel", *context);
  module->setDataLayout(state_->jit->getDataLayout());
  llvm::IRBuilder<> b(*context);
  llvm::Function* function = declare_kernel(*module, b);
  emit({b, function});
  b.CreateRetVoid();
  if (std::getenv("CNNC_PRINT_KERNEL")) module->print(llvm::errs(), nullptr);
  if (llvm::verifyModule(*module, &llvm::errs())) std::abort();
  llvm::cantFail(state_->jit->addIRModule({std::move(module), std::move(context)}));
  function_ = take(state_->jit->lookup("kernel")).toPtr<KernelFunction*>();
  compile_seconds_ = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

JitKernel::~JitKernel() = default;

}  // namespace cnnc::codegen

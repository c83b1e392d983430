#include "codegen/object_builder.h"

#include <llvm/Analysis/InstSimplifyFolder.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loop_builder.h"
#include "ir/error.h"
#include "runtime/model.h"

namespace cnnc::codegen {

using llvm::Value;

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

struct ObjectBuilder::Parts {
  Parts(const TargetSpec& spec, std::vector<std::string> symbol_names, bool thorough)
      : target(spec), symbols(std::move(symbol_names)), module("cnnc", context), machine(make_machine(spec, thorough)) {
    module.setDataLayout(machine->createDataLayout());
    module.setTargetTriple(machine->getTargetTriple().str());
    module.setPICLevel(llvm::PICLevel::BigPIC);
  }

  llvm::Function* new_function(const std::string& name, std::vector<llvm::Type*> params, bool exported);
  uint32_t number(const StepNumber& n);
  Value* emit_dim(llvm::IRBuilderBase& b, const Dim& dim, Value* symbol_values) const;
  llvm::Function* emit_sizes_function();
  void emit_model(const Finish& finish);
  llvm::GlobalVariable* bytes_global(const std::vector<uint8_t>& bytes, const char* name);
  void optimize();
  std::vector<char> code(llvm::CodeGenFileType type);

  TargetSpec target;
  std::vector<std::string> symbols;
  llvm::LLVMContext context;
  llvm::Module module;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::vector<StepNumber> values;
  std::map<std::string, uint32_t> value_of_text;
  std::vector<llvm::Function*> kernels;
  std::vector<llvm::Function*> unoptimized;  // functions that the mid-level passes have still to see
  std::map<std::string, KernelCall> calls;
};

ObjectBuilder::ObjectBuilder(const TargetSpec& target, std::vector<std::string> symbols, bool thorough)
    : parts_(std::make_unique<Parts>(target, std::move(symbols), thorough)) {}
ObjectBuilder::~ObjectBuilder() = default;

uint32_t ObjectBuilder::value(const Dim& dim) { return parts_->number({dim, nullptr}); }
uint32_t ObjectBuilder::value_count() const { return static_cast<uint32_t>(parts_->values.size()); }

uint32_t ObjectBuilder::Parts::number(const StepNumber& n) {
  const auto index = static_cast<uint32_t>(values.size());
  if (!n.compute) {
    const auto [it, inserted] = value_of_text.emplace(n.dim.str(), index);
    if (!inserted) return it->second;
  }
  values.push_back(n);
  return index;
}

llvm::Function* ObjectBuilder::Parts::new_function(const std::string& name, std::vector<llvm::Type*> params,
                                                   bool exported) {
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), params, false);
  auto* f = llvm::Function::Create(
      type, exported ? llvm::GlobalValue::ExternalLinkage : llvm::GlobalValue::InternalLinkage, name, module);
  f->addFnAttr("target-cpu", target.cpu);
  f->addFnAttr("target-features", target.features);
  set_kernel_attributes(*f);
  f->addFnAttr(llvm::Attribute::NoUnwind);
  for (unsigned i = 0; i < params.size(); ++i)
    if (params[i]->isPointerTy()) f->addParamAttr(i, llvm::Attribute::NoAlias);
  return f;
}

// Prints what an attribute or a known content is, so that equal texts mean equal code.
static std::string attribute_key(const Attribute& attribute) {
  std::ostringstream out;
  out << std::hexfloat;
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::shared_ptr<Graph>>) {
          out << print(*v, {.max_elements = -1, .origins = false, .names = false});
        } else if constexpr (std::is_same_v<T, Ints> || std::is_same_v<T, Floats>) {
          for (auto x : v) out << x << ",";
        } else if constexpr (std::is_same_v<T, Strings>) {
          for (const auto& x : v) out << x.size() << ":" << x;
        } else if constexpr (std::is_same_v<T, DType>) {
          out << name_of(v);
        } else if constexpr (std::is_same_v<T, Tensor>) {
          out << name_of(v.dtype()) << v.raw();
        } else {
          out << v;
        }
      },
      attribute);
  return out.str();
}

static std::string kernel_key(const std::string& kind, const Node& node, int output) {
  std::string key = cat(kind, " ", node.op_name(), " #", output);
  for (const auto& [name, attribute] : node.attributes())
    if (name != "recomputed") key += "\n" + name + "=" + attribute_key(attribute);
  for (const auto* operand : node.inputs()) {
    key += "\n";
    if (operand == nullptr) continue;
    key += operand->type().str();
    if (operand->content())
      for (const Dim& d : *operand->content()) key += " " + d.str();
  }
  return key;
}

// ---- kernels ---------------------------------------------------------------------------------------------------------

namespace {
// Gives a kernel its arguments: loads them once, in the entry block, in the order in which they are asked for.
class KernelArguments {
 public:
  KernelArguments(llvm::Function* function, llvm::BasicBlock* entry, const Node& node)
      : function_(function), entry_(entry), node_(node) {}

  Value* operand(int i) {
    CNNC_CHECK(node_.input(static_cast<size_t>(i)) != nullptr) << node_.description() << " has no operand " << i;
    auto it = operands_.find(i);
    if (it != operands_.end()) return it->second;
    order_.push_back(i);
    return operands_[i] = load(0, llvm::PointerType::get(function_->getContext(), 0), order_.size() - 1);
  }

  Value* size(const Dim& dim) {
    llvm::Type* i64 = llvm::Type::getInt64Ty(function_->getContext());
    if (dim.is_const()) return llvm::ConstantInt::getSigned(i64, dim.value());
    auto it = sizes_.find(dim.str());
    if (it != sizes_.end()) return it->second;
    dims_.push_back(dim);
    return sizes_[dim.str()] = load(1, i64, dims_.size() - 1);
  }

  // Outputs' addresses come last; where is known only when all operands are.
  Value* output(size_t i) {
    llvm::LoadInst*& load = outputs_[i];
    if (load != nullptr) return load;
    llvm::IRBuilder<> b(entry_, entry_->begin());
    load = b.CreateLoad(llvm::PointerType::get(function_->getContext(), 0), function_->getArg(0), "output");
    return load;
  }

  void fix_outputs() {
    for (const auto& [i, load] : outputs_) {
      llvm::IRBuilder<> b(load);
      load->setOperand(0, b.CreateConstGEP1_64(load->getType(), function_->getArg(0), order_.size() + i));
    }
  }

  const std::vector<int>& order() const { return order_; }
  const Dims& dims() const { return dims_; }

 private:
  Value* load(unsigned argument, llvm::Type* type, uint64_t index) {
    llvm::IRBuilder<> b(entry_, entry_->begin());
    return b.CreateLoad(type, b.CreateConstGEP1_64(type, function_->getArg(argument), index));
  }

  llvm::Function* function_;
  llvm::BasicBlock* entry_;
  const Node& node_;
  std::map<int, Value*> operands_;
  std::map<std::string, Value*> sizes_;
  std::vector<int> order_;
  Dims dims_;
  std::map<size_t, llvm::LoadInst*> outputs_;
};
}  // namespace

KernelCall ObjectBuilder::add_kernel(const std::string& kind, const Node& node, int output) {
  const std::string key = kernel_key(kind, node, output);
  if (auto it = parts_->calls.find(key); it != parts_->calls.end()) return it->second;
  const KernelEmitter* emitter = find_kernel_emitter(kind);
  CNNC_CHECK(emitter != nullptr) << "there is no kernel " << kind;

  llvm::LLVMContext& context = parts_->context;
  auto* pointer = llvm::PointerType::get(context, 0);
  auto* i64 = llvm::Type::getInt64Ty(context);
  llvm::Function* f = parts_->new_function(cat("k", parts_->kernels.size(), "_", node.op_name()),
                                           {pointer, pointer, i64, i64, pointer}, false);
  auto* entry = llvm::BasicBlock::Create(context, "entry", f);
  auto* body = llvm::BasicBlock::Create(context, "body", f);
  llvm::IRBuilder<> b(body);
  KernelArguments arguments(f, entry, node);
  KernelContext kernel{b,
                       node,
                       output,
                       {parts_->target.f32_lanes, parts_->target.registers, parts_->target.fma, parts_->target.masks},
                       [&](int i) { return arguments.operand(i); },
                       [&](size_t i) { return arguments.output(i); },
                       arguments.output(0),
                       [&](const Dim& d) { return arguments.size(d); },
                       f->getArg(2),
                       f->getArg(3),
                       f->getArg(4),
                       f->getArg(0),
                       f->getArg(1)};
  const KernelNeeds needs = (*emitter)(kernel);
  b.CreateRetVoid();
  arguments.fix_outputs();
  llvm::IRBuilder<>(entry).CreateBr(body);
  std::string broken;
  llvm::raw_string_ostream broken_stream(broken);
  CNNC_CHECK(!llvm::verifyFunction(*f, &broken_stream)) << node.description() << ": " << broken;
  if (kind == "llvm:loops" || kind == "llvm:for_each") parts_->unoptimized.push_back(f);

  KernelCall call;
  call.kernel = static_cast<uint32_t>(parts_->kernels.size());
  CNNC_CHECK(needs.operands.empty() || arguments.order().empty()) << kind << " asks for operands in two ways";
  call.operands = needs.operands.empty() ? arguments.order() : needs.operands;
  for (const Dim& d : needs.sizes.empty() ? arguments.dims() : needs.sizes) call.sizes.push_back(value(d));
  call.tasks_value = parts_->number(needs.tasks);
  if (needs.scratch) call.scratch_value = parts_->number(*needs.scratch);
  parts_->kernels.push_back(f);
  return parts_->calls[key] = call;
}

// ---- sizes -----------------------------------------------------------------------------------------------------------

Value* ObjectBuilder::Parts::emit_dim(llvm::IRBuilderBase& b, const Dim& dim, Value* symbol_values) const {
  Dim::Fold<Value*> fold;
  fold.constant = [&](int64_t v) { return b.getInt64(static_cast<uint64_t>(v)); };
  fold.symbol = [&](const std::string& name) -> Value* {
    const auto it = std::find(symbols.begin(), symbols.end(), name);
    CNNC_CHECK(it != symbols.end()) << "size symbol " << name << " is not bound by an input";
    return b.CreateLoad(b.getInt64Ty(), b.CreateConstGEP1_64(b.getInt64Ty(), symbol_values,
                                                             static_cast<uint64_t>(it - symbols.begin())));
  };
  fold.add = [&](Value* x, Value* y) { return b.CreateAdd(x, y); };
  fold.mul = [&](Value* x, Value* y) { return b.CreateMul(x, y); };
  fold.max = [&](Value* x, Value* y) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, x, y); };
  fold.min = [&](Value* x, Value* y) { return b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, y); };
  fold.floor_div = [&](Value* x, Value* y) {
    // A zero divisor comes from a size of zero; whatever it sizes is empty.
    Value* zero = b.getInt64(0);
    Value* d = b.CreateSelect(b.CreateICmpEQ(y, zero), b.getInt64(1), y);
    Value* q = b.CreateSDiv(x, d);
    Value* r = b.CreateSub(x, b.CreateMul(q, d));
    Value* down = b.CreateAnd(b.CreateICmpNE(r, zero), b.CreateICmpSLT(b.CreateXor(r, d), zero));
    return b.CreateSub(q, b.CreateZExt(down, b.getInt64Ty()));
  };
  return dim.fold(fold);
}

llvm::Function* ObjectBuilder::Parts::emit_sizes_function() {
  auto* pointer = llvm::PointerType::get(context, 0);
  llvm::Function* f = new_function("cnnc_sizes", {pointer, pointer}, false);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "entry", f));
  const SizeResolver resolve = [&](const Dim& d) { return emit_dim(b, d, f->getArg(0)); };
  for (size_t i = 0; i < values.size(); ++i) {
    Value* value = values[i].compute ? values[i].compute(b, resolve) : resolve(values[i].dim);
    b.CreateStore(value, b.CreateConstGEP1_64(b.getInt64Ty(), f->getArg(1), i));
  }
  b.CreateRetVoid();
  return f;
}

// What emitters compute from known sizes folds to a number.
static int64_t folded(const StepNumber& number, const std::map<std::string, int64_t>& sizes, llvm::BasicBlock* block) {
  if (!number.compute) return number.dim.evaluate(sizes);
  llvm::IRBuilder<llvm::InstSimplifyFolder> b(block, llvm::InstSimplifyFolder(block->getDataLayout()));
  const SizeResolver resolve = [&](const Dim& d) { return b.getInt64(static_cast<uint64_t>(d.evaluate(sizes))); };
  const auto* constant = llvm::dyn_cast<llvm::ConstantInt>(number.compute(b, resolve));
  CNNC_CHECK(constant != nullptr) << "a size does not follow from the sizes of the symbols";
  return constant->getSExtValue();
}

std::vector<int64_t> ObjectBuilder::evaluate(const std::map<std::string, int64_t>& sizes) const {
  llvm::Function* f = parts_->new_function("cnnc_folded", {}, false);
  auto* block = llvm::BasicBlock::Create(parts_->context, "entry", f);
  std::vector<int64_t> numbers;
  for (const StepNumber& number : parts_->values) numbers.push_back(folded(number, sizes, block));
  f->eraseFromParent();
  return numbers;
}

// ---- the object ------------------------------------------------------------------------------------------------------

llvm::GlobalVariable* ObjectBuilder::Parts::bytes_global(const std::vector<uint8_t>& bytes, const char* name) {
  auto* data = llvm::ConstantDataArray::get(context, llvm::ArrayRef(bytes));
  auto* global = new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::InternalLinkage, data, name);
  global->setAlignment(llvm::Align(64));
  return global;
}

// The struct of runtime/model.h, field by field.
void ObjectBuilder::Parts::emit_model(const Finish& finish) {
  auto* pointer = llvm::PointerType::get(context, 0);
  auto* i64 = llvm::Type::getInt64Ty(context);
  auto* i32 = llvm::Type::getInt32Ty(context);
  auto table = [&](const std::vector<llvm::Constant*>& entries, const char* name) -> llvm::Constant* {
    if (entries.empty()) return llvm::ConstantPointerNull::get(pointer);
    auto* array = llvm::ConstantArray::get(llvm::ArrayType::get(pointer, entries.size()), entries);
    return new llvm::GlobalVariable(module, array->getType(), true, llvm::GlobalValue::InternalLinkage, array, name);
  };
  std::vector<llvm::Constant*> functions(kernels.begin(), kernels.end()), libraries;
  for (const std::string& name : finish.libraries)
    libraries.push_back(module.getOrInsertGlobal(name, llvm::Type::getInt8Ty(context)));
  llvm::Constant* weights = llvm::ConstantPointerNull::get(pointer);
  if (finish.external_weights) weights = module.getOrInsertGlobal(kWeightsSymbol, llvm::Type::getInt8Ty(context));
  auto number = [&](uint64_t v) { return llvm::ConstantInt::get(i64, v); };
  llvm::Constant* fields[] = {number(CNNC_MODEL_MAGIC),
                              llvm::ConstantInt::get(i32, CNNC_MODEL_ABI),
                              llvm::ConstantInt::get(i32, kernels.size()),
                              bytes_global(finish.plan, "cnnc_plan"),
                              number(finish.plan.size()),
                              table(functions, "cnnc_kernels"),
                              table(libraries, "cnnc_libraries"),
                              number(libraries.size()),
                              emit_sizes_function(),
                              weights,
                              number(finish.weights_bytes),
                              number(target.cpu_features)};
  auto* model = llvm::ConstantStruct::getAnon(fields);
  auto* global =
      new llvm::GlobalVariable(module, model->getType(), true, llvm::GlobalValue::ExternalLinkage, model, "cnnc_model");
  global->setAlignment(llvm::Align(8));
}

// Loop kernels are written plainly: common addresses, loop invariants and constants are LLVM's work.
void ObjectBuilder::Parts::optimize() {
  llvm::PassBuilder builder(machine.get());
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
  for (llvm::Function* f : unoptimized) passes.run(*f, functions);
  unoptimized.clear();
}

std::vector<char> ObjectBuilder::Parts::code(llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  CNNC_CHECK(!machine->addPassesToEmitFile(passes, out, nullptr, type)) << "LLVM cannot write this file type";
  passes.run(module);
  return {bytes.begin(), bytes.end()};
}

std::vector<char> ObjectBuilder::finish(const Finish& finish) {
  parts_->emit_model(finish);
  parts_->optimize();
  return parts_->code(llvm::CodeGenFileType::ObjectFile);
}

std::string ObjectBuilder::assembly(const Finish& finish) {
  parts_->emit_model(finish);
  parts_->optimize();
  const std::vector<char> text = parts_->code(llvm::CodeGenFileType::AssemblyFile);
  return {text.begin(), text.end()};
}

std::string ObjectBuilder::llvm_text(const Finish& finish) {
  parts_->emit_model(finish);
  parts_->optimize();
  std::string text;
  llvm::raw_string_ostream out(text);
  parts_->module.print(out, nullptr);
  return text;
}

}  // namespace cnnc::codegen

#include "codegen/object_builder.h"

#include <llvm/Analysis/InstSimplifyFolder.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include <set>

#include "codegen/join_objects.h"
#include "codegen/llvm/code_module.h"
#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loop_builder.h"
#include "codegen/workers.h"
#include "ir/error.h"
#include "runtime/model.h"

namespace cnnc::codegen {

using llvm::Value;

// Kernels in a row are compiled together until they have so many instructions. What a module holds depends on nothing
// but the program, so that the object is the same however many threads there are.
static constexpr unsigned kModuleInstructions = 2000;

struct ObjectBuilder::Parts {
  Parts(const TargetSpec& spec, std::vector<std::string> symbol_names, const Options& how)
      : target(spec), symbols(std::move(symbol_names)), options(how), model(target, how.thorough), workers(how.threads) {}

  // The module for the next kernel.
  CodeModule& kernel_module();
  void close_module();
  KernelCall emit_kernel(const std::string& kind, const KernelEmitter& emitter, const Node& node, int output,
                         const VectorIsa& isa);
  KernelCall call(uint32_t kernel, const KernelNeeds& needs);
  llvm::Function* shared_function(CodeModule& module, const std::string& name, const std::vector<llvm::Type*>& params,
                                  llvm::function_ref<void(llvm::IRBuilderBase&, llvm::Function&)> emit);
  uint32_t number(const StepNumber& n);
  Value* emit_dim(llvm::IRBuilderBase& b, const Dim& dim, Value* symbol_values) const;
  llvm::Function* emit_sizes_function();
  void emit_model(const Finish& finish);
  llvm::Constant* kernel_function(const std::string& name);
  llvm::GlobalVariable* bytes_global(const std::vector<uint8_t>& bytes, const char* name);

  const TargetSpec target;
  const std::vector<std::string> symbols;
  const Options options;
  CodeModule model;  // everything but kernels
  std::unique_ptr<CodeModule> open;  // takes kernels
  unsigned instructions = 0;         // in it
  std::vector<std::future<std::vector<char>>> objects;  // of modules that are full
  std::vector<StepNumber> values;
  std::map<std::string, uint32_t> value_of_text;
  std::vector<std::string> kernels;
  std::set<std::string> shared_functions;
  std::map<std::string, KernelCall> calls;
  Workers workers;  // ends first: jobs refer to `target`
};

ObjectBuilder::ObjectBuilder(const TargetSpec& target, std::vector<std::string> symbols, const Options& options)
    : parts_(std::make_unique<Parts>(target, std::move(symbols), options)) {}
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

CodeModule& ObjectBuilder::Parts::kernel_module() {
  if (options.one_module) return model;
  if (instructions >= kModuleInstructions) close_module();
  if (!open) open = std::make_unique<CodeModule>(target, options.thorough);
  return *open;
}

void ObjectBuilder::Parts::close_module() {
  if (!open) return;
  instructions = 0;
  objects.push_back(workers.add([module = std::shared_ptr<CodeModule>(std::move(open))] {
    module->optimize();
    return module->code(llvm::CodeGenFileType::ObjectFile);
  }));
}

static void verify(const llvm::Function& f, const std::string& what) {
  std::string broken;
  llvm::raw_string_ostream stream(broken);
  CNNC_CHECK(!llvm::verifyFunction(f, &stream)) << what << ": " << broken;
}

llvm::Function* ObjectBuilder::Parts::shared_function(
    CodeModule& module, const std::string& name, const std::vector<llvm::Type*>& params,
    llvm::function_ref<void(llvm::IRBuilderBase&, llvm::Function&)> emit) {
  if (llvm::Function* f = module.module().getFunction(name)) return f;
  if (!shared_functions.insert(name).second) return module.declare_function(name, params);
  llvm::Function* f = module.new_function(name, params);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(module.context(), "entry", f));
  emit(b, *f);
  b.CreateRetVoid();
  verify(*f, name);
  instructions += f->getInstructionCount();
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
  const KernelEmitter* emitter = find_kernel_emitter(kind);
  CNNC_CHECK(emitter != nullptr) << "there is no kernel " << kind;
  const TargetSpec& target = parts_->target;
  const VectorIsa isa{target.f32_lanes, target.registers, target.fma, target.masks};
  const std::optional<KernelForm> form = emitter->form ? std::optional(emitter->form(node, isa)) : std::nullopt;
  const std::string key = form ? cat(kind, " ", form->text) : kernel_key(kind, node, output);
  const auto known = parts_->calls.find(key);
  if (known == parts_->calls.end()) return parts_->calls[key] = parts_->emit_kernel(kind, *emitter, node, output, isa);
  // Kernels of one form differ in what they are given.
  return form ? parts_->call(known->second.kernel, form->needs) : known->second;
}

// The call of kernel number `kernel` for a node that needs so much.
KernelCall ObjectBuilder::Parts::call(uint32_t kernel, const KernelNeeds& needs) {
  KernelCall call;
  call.kernel = kernel;
  call.operands = needs.operands;
  for (const Dim& d : needs.sizes) call.sizes.push_back(number({d, nullptr}));
  call.tasks_value = number(needs.tasks);
  if (needs.scratch) call.scratch_value = number(*needs.scratch);
  return call;
}

KernelCall ObjectBuilder::Parts::emit_kernel(const std::string& kind, const KernelEmitter& emitter, const Node& node, int output,
                                             const VectorIsa& isa) {
  CodeModule& module = kernel_module();
  llvm::LLVMContext& context = module.context();
  auto* pointer = llvm::PointerType::get(context, 0);
  auto* i64 = llvm::Type::getInt64Ty(context);
  const std::string name = cat("k", kernels.size(), "_", node.op_name());
  llvm::Function* f = module.new_function(name, {pointer, pointer, i64, i64, pointer});
  auto* entry = llvm::BasicBlock::Create(context, "entry", f);
  auto* body = llvm::BasicBlock::Create(context, "body", f);
  llvm::IRBuilder<> b(body);
  KernelArguments arguments(f, entry, node);
  KernelContext kernel{b,
                       node,
                       output,
                       isa,
                       [&](int i) { return arguments.operand(i); },
                       [&](size_t i) { return arguments.output(i); },
                       arguments.output(0),
                       [&](const Dim& d) { return arguments.size(d); },
                       f->getArg(2),
                       f->getArg(3),
                       f->getArg(4),
                       f->getArg(0),
                       f->getArg(1),
                       [&](const auto& shared, const auto& params, const auto& emit) {
                         return shared_function(module, shared, params, emit);
                       }};
  KernelNeeds needs = emitter.emit(kernel);
  b.CreateRetVoid();
  arguments.fix_outputs();
  llvm::IRBuilder<>(entry).CreateBr(body);
  verify(*f, node.description());
  if (kind == "llvm:loops" || kind == "llvm:for_each") module.optimize_later(f);
  instructions += f->getInstructionCount();
  kernels.push_back(name);

  CNNC_CHECK(needs.operands.empty() || arguments.order().empty()) << kind << " asks for operands in two ways";
  if (needs.operands.empty()) needs.operands = arguments.order();
  if (needs.sizes.empty()) needs.sizes = arguments.dims();
  return call(static_cast<uint32_t>(kernels.size() - 1), needs);
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

// Numbers that depend on no symbol are copied from a table: there are a thousand, and LLVM takes long for so many stores.
llvm::Function* ObjectBuilder::Parts::emit_sizes_function() {
  llvm::LLVMContext& context = model.context();
  auto* pointer = llvm::PointerType::get(context, 0);
  llvm::Function* f = model.new_function("cnnc_sizes", {pointer, pointer});
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "entry", f));
  const SizeResolver resolve = [&](const Dim& d) { return emit_dim(b, d, f->getArg(0)); };
  std::vector<uint64_t> known(values.size());
  std::vector<std::pair<size_t, Value*>> computed;
  for (size_t i = 0; i < values.size(); ++i) {
    Value* value = values[i].compute ? values[i].compute(b, resolve) : resolve(values[i].dim);
    if (const auto* constant = llvm::dyn_cast<llvm::ConstantInt>(value)) known[i] = constant->getZExtValue();
    else computed.emplace_back(i, value);
  }
  auto* table = llvm::ConstantDataArray::get(context, known);
  auto* global = new llvm::GlobalVariable(model.module(), table->getType(), true, llvm::GlobalValue::InternalLinkage, table,
                                          "cnnc_known_sizes");
  emit_loop(b, b.getInt64(0), b.getInt64(known.size()), 1, [&](Value* i) {
    b.CreateStore(b.CreateLoad(b.getInt64Ty(), b.CreateGEP(b.getInt64Ty(), global, i)), b.CreateGEP(b.getInt64Ty(), f->getArg(1), i));
  });
  for (const auto& [i, value] : computed) b.CreateStore(value, b.CreateConstGEP1_64(b.getInt64Ty(), f->getArg(1), i));
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
  llvm::Function* f = parts_->model.new_function("cnnc_folded", {});
  auto* block = llvm::BasicBlock::Create(parts_->model.context(), "entry", f);
  std::vector<int64_t> numbers;
  for (const StepNumber& number : parts_->values) numbers.push_back(folded(number, sizes, block));
  f->eraseFromParent();
  return numbers;
}

// ---- the object ------------------------------------------------------------------------------------------------------

llvm::GlobalVariable* ObjectBuilder::Parts::bytes_global(const std::vector<uint8_t>& bytes, const char* name) {
  auto* data = llvm::ConstantDataArray::get(model.context(), llvm::ArrayRef(bytes));
  auto* global = new llvm::GlobalVariable(model.module(), data->getType(), true, llvm::GlobalValue::InternalLinkage, data, name);
  global->setAlignment(llvm::Align(64));
  return global;
}

llvm::Constant* ObjectBuilder::Parts::kernel_function(const std::string& name) {
  if (llvm::Function* f = model.module().getFunction(name)) return f;
  auto* pointer = llvm::PointerType::get(model.context(), 0);
  auto* i64 = llvm::Type::getInt64Ty(model.context());
  return model.declare_function(name, {pointer, pointer, i64, i64, pointer});
}

// The struct of runtime/model.h, field by field.
void ObjectBuilder::Parts::emit_model(const Finish& finish) {
  llvm::LLVMContext& context = model.context();
  llvm::Module& module = model.module();
  auto* pointer = llvm::PointerType::get(context, 0);
  auto* i64 = llvm::Type::getInt64Ty(context);
  auto* i32 = llvm::Type::getInt32Ty(context);
  auto table = [&](const std::vector<llvm::Constant*>& entries, const char* name) -> llvm::Constant* {
    if (entries.empty()) return llvm::ConstantPointerNull::get(pointer);
    auto* array = llvm::ConstantArray::get(llvm::ArrayType::get(pointer, entries.size()), entries);
    return new llvm::GlobalVariable(module, array->getType(), true, llvm::GlobalValue::InternalLinkage, array, name);
  };
  std::vector<llvm::Constant*> functions, libraries;
  for (const std::string& name : kernels) functions.push_back(kernel_function(name));
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
  auto* record = llvm::ConstantStruct::getAnon(fields);
  auto* global = new llvm::GlobalVariable(module, record->getType(), true, llvm::GlobalValue::ExternalLinkage, record,
                                          "cnnc_model");
  global->setAlignment(llvm::Align(8));
}

std::vector<char> ObjectBuilder::finish(const Finish& finish) {
  CNNC_CHECK(!parts_->options.one_module) << "kernels are in the model's module, which is for text";
  parts_->close_module();
  parts_->emit_model(finish);
  std::vector<std::vector<char>> objects{parts_->model.code(llvm::CodeGenFileType::ObjectFile)};
  for (auto& object : parts_->objects) objects.push_back(object.get());
  return join_objects(objects);
}

std::string ObjectBuilder::assembly(const Finish& finish) {
  parts_->emit_model(finish);
  parts_->model.optimize();
  const std::vector<char> text = parts_->model.code(llvm::CodeGenFileType::AssemblyFile);
  return {text.begin(), text.end()};
}

std::string ObjectBuilder::llvm_text(const Finish& finish) {
  parts_->emit_model(finish);
  parts_->model.optimize();
  std::string text;
  llvm::raw_string_ostream out(text);
  parts_->model.module().print(out, nullptr);
  return text;
}

}  // namespace cnnc::codegen

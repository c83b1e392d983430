#include "codegen/jit.h"

#include <llvm/ExecutionEngine/Orc/ExecutionUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>

#include <cstring>

#include "ir/error.h"
#include "runtime/sorted_places.h"

// The library steps that a model may refer to (runtime/dnnl_*.cpp, runtime/text_steps.cpp, runtime/all_reduce.cpp,
// runtime/scatter_rows.cpp).
extern "C" {
extern const cnnc_library_step cnnc_dnnl_convolution, cnnc_dnnl_matmul, cnnc_dnnl_pooling;
extern const cnnc_library_step cnnc_format_numbers, cnnc_parse_numbers;
extern const cnnc_library_step cnnc_all_reduce_begin, cnnc_all_reduce_end, cnnc_scatter_rows;
}

namespace cnnc::codegen {

// LLVM's way of reporting ends here.
template <typename T>
static T unwrap(llvm::Expected<T> value) {
  if (!value) throw Error("the code cannot be loaded: " + llvm::toString(value.takeError()), Fault::internal);
  return std::move(*value);
}

static void check(llvm::Error error) {
  if (error) throw Error("the code cannot be loaded: " + llvm::toString(std::move(error)), Fault::internal);
}

struct JitModel::Parts {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  Tensor weights{DType::u8, {0}};
  cnnc_model model{};
};

static void define_runtime_parts(llvm::orc::LLJIT& jit) {
  llvm::orc::SymbolMap symbols;
  auto define = [&](const char* name, const cnnc_library_step& step) {
    symbols[jit.mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(&step), llvm::JITSymbolFlags::Exported};
  };
  define("cnnc_dnnl_convolution", cnnc_dnnl_convolution);
  define("cnnc_dnnl_matmul", cnnc_dnnl_matmul);
  define("cnnc_dnnl_pooling", cnnc_dnnl_pooling);
  define("cnnc_format_numbers", cnnc_format_numbers);
  define("cnnc_parse_numbers", cnnc_parse_numbers);
  define("cnnc_all_reduce_begin", cnnc_all_reduce_begin);
  define("cnnc_all_reduce_end", cnnc_all_reduce_end);
  define("cnnc_scatter_rows", cnnc_scatter_rows);
  symbols[jit.mangleAndIntern("cnnc_sorted_places")] = {llvm::orc::ExecutorAddr::fromPtr(&cnnc_sorted_places),
                                                        llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
  check(jit.getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))));
}

JitModel::JitModel(CompiledModel compiled) : parts_(std::make_unique<Parts>()) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  parts_->jit = unwrap(llvm::orc::LLJITBuilder().create());
  llvm::orc::LLJIT& jit = *parts_->jit;
  const char prefix = jit.getDataLayout().getGlobalPrefix();
  jit.getMainJITDylib().addGenerator(unwrap(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(prefix)));
  define_runtime_parts(jit);
  check(jit.addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
      llvm::StringRef(compiled.object.data(), compiled.object.size()), "cnnc")));
  parts_->weights = Tensor(DType::u8, {static_cast<int64_t>(compiled.weights.bytes)});
  compiled.weights.copy_to(parts_->weights.mutable_raw());
  std::memcpy(&parts_->model, unwrap(jit.lookup("cnnc_model")).toPtr<const void*>(), sizeof(cnnc_model));
  parts_->model.weights = parts_->weights.raw();
}

JitModel::~JitModel() = default;
JitModel::JitModel(JitModel&&) noexcept = default;

const cnnc_model* JitModel::model() const { return &parts_->model; }

// ---- one run ---------------------------------------------------------------------------------------------------------

namespace {
class ScopedExecutable {
 public:
  ScopedExecutable(const cnnc_model* model, int threads) {
    char message[512] = "";
    cnnc_options options{};
    options.threads = threads;
    options.error = message;
    options.error_bytes = sizeof message;
    if (cnnc_create(model, &options, &executable_) != CNNC_OK) throw Error(message);
  }
  ~ScopedExecutable() { cnnc_destroy(executable_); }
  void check(cnnc_status status) const {
    if (status != CNNC_OK) throw Error(cnnc_last_error(executable_));
  }
  cnnc_executable* get() const { return executable_; }

 private:
  cnnc_executable* executable_ = nullptr;
};

}  // namespace

cnnc_tensor_view view_of(const Tensor& tensor) { return view_of(type_of(tensor), tensor.raw()); }

cnnc_tensor_view view_of(const Type& type, const void* data) {
  const Shape shape = type.shape();
  if (shape.size() > CNNC_MAX_RANK)
    throw Error(cat("a tensor has ", shape.size(), " axes, at most ", CNNC_MAX_RANK, " can be passed"));
  cnnc_tensor_view view{};
  view.data = const_cast<void*>(data);
  view.bytes = static_cast<size_t>(type.bytes().value());
  view.dtype = static_cast<int32_t>(type.dtype);
  view.rank = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), view.dims);
  return view;
}

std::vector<Tensor> run(const JitModel& model, const std::vector<Tensor>& inputs, int threads) {
  const ScopedExecutable executable(model.model(), threads);
  std::vector<cnnc_tensor_view> in, out(static_cast<size_t>(cnnc_output_count(executable.get())));
  std::vector<Tensor> updated = inputs;  // those that outputs update are copied before they are written
  for (int32_t i = 0; i < cnnc_output_count(executable.get()); ++i) {
    const int32_t input = cnnc_output_updates(executable.get(), i);
    if (input >= 0) updated[static_cast<size_t>(input)].mutable_raw();
  }
  for (const Tensor& input : updated) in.push_back(view_of(input));
  const auto inputs_n = static_cast<int32_t>(in.size()), outputs_n = static_cast<int32_t>(out.size());
  executable.check(cnnc_prepare(executable.get(), in.data(), inputs_n, out.data(), outputs_n));
  std::vector<Tensor> results;
  for (size_t i = 0; i < out.size(); ++i) {
    cnnc_tensor_view& view = out[i];
    const int32_t input = cnnc_output_updates(executable.get(), static_cast<int32_t>(i));
    if (input >= 0) {
      results.push_back(updated[static_cast<size_t>(input)]);
      continue;
    }
    results.emplace_back(static_cast<DType>(view.dtype), Shape(view.dims, view.dims + view.rank));
    view.data = results.back().mutable_raw();
    view.bytes = results.back().bytes();
  }
  executable.check(cnnc_run(executable.get(), in.data(), inputs_n, out.data(), outputs_n));
  for (Tensor& result : results)
    if (result.dtype() == DType::string) result = result.with_own_texts();
  return results;
}

}  // namespace cnnc::codegen

#include "model/compiled_graph.h"

#include "codegen/build.h"
#include "ir/error.h"

namespace cnnc {

CompiledGraph::CompiledGraph(std::unique_ptr<Graph> graph, int threads) {
  codegen::BuildOptions options;
  options.compile.compile_threads = threads;
  codegen::optimize(*graph, options);
  model_ = std::make_unique<codegen::JitModel>(codegen::compile(*graph, options.compile, codegen::ObjectKind::jit));
  char message[1024] = "";
  cnnc_options create{};
  create.threads = threads;
  create.error = message;
  create.error_bytes = sizeof message;
  if (cnnc_create(model_->model(), &create, &executable_) != CNNC_OK) throw Error(message, Fault::limit);
}

CompiledGraph::~CompiledGraph() { cnnc_destroy(executable_); }

void CompiledGraph::check(cnnc_status status) const {
  if (status != CNNC_OK) throw Error(cnnc_last_error(executable_), Fault::usage);
}

static std::vector<cnnc_tensor_view> views_of(const std::vector<Tensor>& tensors) {
  std::vector<cnnc_tensor_view> views;
  for (const Tensor& tensor : tensors) {
    cnnc_tensor_view view{};
    view.data = const_cast<void*>(tensor.raw());  // inputs are only read
    view.bytes = tensor.bytes();
    view.dtype = static_cast<int32_t>(tensor.dtype());
    view.rank = static_cast<int32_t>(tensor.shape().size());
    std::copy(tensor.shape().begin(), tensor.shape().end(), view.dims);
    views.push_back(view);
  }
  return views;
}

std::vector<cnnc_tensor_view> CompiledGraph::prepare(const std::vector<Tensor>& inputs) {
  const std::vector<cnnc_tensor_view> in = views_of(inputs);
  std::vector<cnnc_tensor_view> out(static_cast<size_t>(cnnc_output_count(executable_)));
  check(cnnc_prepare(executable_, in.data(), static_cast<int32_t>(in.size()), out.data(),
                     static_cast<int32_t>(out.size())));
  return out;
}

void CompiledGraph::run(const std::vector<Tensor>& inputs, std::vector<cnnc_tensor_view>& outputs) {
  const std::vector<cnnc_tensor_view> in = views_of(inputs);
  check(cnnc_run(executable_, in.data(), static_cast<int32_t>(in.size()), outputs.data(),
                 static_cast<int32_t>(outputs.size())));
}

}  // namespace cnnc

#include "codegen/step_program.h"

#include <algorithm>

#include "ir/error.h"
#include "runtime/exit_code.h"

namespace cnnc::codegen {

static cnnc_tensor_view view_of_type(const Type& type) {
  cnnc_tensor_view view{};
  const Shape shape = type.shape();
  if (shape.size() > CNNC_MAX_RANK)
    throw Error(cat("a tensor has ", shape.size(), " axes, at most ", CNNC_MAX_RANK,
                    " can be passed"));
  view.dtype = static_cast<int32_t>(type.dtype);
  view.rank = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), view.dims);
  view.bytes = static_cast<size_t>(element_count(shape)) * size_of(type.dtype);
  return view;
}

StepProgram::StepProgram(TrainingStep step, const BuildOptions& options, int threads,
                         bool profile)
    : step_(std::move(step)) {
  Graph& graph = *step_.graph;
  for (const auto& input : graph.inputs()) inputs_.push_back(view_of_type(input->type()));
  for (const Value* output : graph.outputs()) outputs_.push_back(view_of_type(output->type()));
  has_weights_ = std::any_of(graph.inputs().begin(), graph.inputs().end(),
                             [](const auto& input) { return input->name() == "sample_weights"; });
  optimize(graph, options);
  model_ = std::make_unique<JitModel>(compile(graph, options.compile, ObjectKind::jit));
  step_.graph.reset();
  char message[1024] = "";
  cnnc_options create{};
  create.threads = threads;
  create.profile = profile;
  create.error = message;
  create.error_bytes = sizeof message;
  const cnnc_status status = cnnc_create(model_->model(), &create, &executable_);
  if (status != CNNC_OK) throw Error(message, static_cast<Fault>(exit_code(status)));
}

StepProgram::~StepProgram() { cnnc_destroy(executable_); }

void StepProgram::check(cnnc_status status) const {
  if (status != CNNC_OK)
    throw Error(cnnc_last_error(executable_), static_cast<Fault>(exit_code(status)));
}

float StepProgram::run(const BatchView& batch, StepNumbers numbers,
                       std::vector<Tensor>& carried, Tensor* output) {
  size_t next = 0;
  const auto give = [&](const void* data) { inputs_[next++].data = const_cast<void*>(data); };
  give(batch.samples);
  if (step_.has_step_number) give(&numbers.step);
  give(batch.labels);
  if (has_weights_) give(batch.weights);
  if (step_.is_training) {
    give(&numbers.learning_rate);
    if (step_.has_bias_correction) give(&numbers.bias_correction);
  }
  for (Tensor& tensor : carried) give(step_.is_training ? tensor.mutable_raw() : tensor.raw());
  CNNC_CHECK(next == inputs_.size()) << next << " of " << inputs_.size() << " inputs are given";
  float loss = 0;
  outputs_[0].data = &loss;
  if (output != nullptr) outputs_[1].data = output->mutable_raw();
  check(cnnc_run(executable_, inputs_.data(), static_cast<int32_t>(inputs_.size()),
                 outputs_.data(), static_cast<int32_t>(outputs_.size())));
  return loss;
}

}  // namespace cnnc::codegen

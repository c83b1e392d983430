#include "codegen/step_program.h"

#include "codegen/release_memory.h"
#include "ir/error.h"
#include "runtime/exit_code.h"

namespace cnnc::codegen {

StepLayout layout_of(const TrainingStep& step) {
  StepLayout layout;
  layout.model_inputs = static_cast<int32_t>(step.model_inputs);
  layout.carried = static_cast<int32_t>(step.carried.size());
  layout.is_training = step.is_training;
  layout.has_step_number = step.has_step_number;
  layout.has_weights = step.has_sample_weights;
  layout.factors = step.factors;
  layout.has_share = step.has_share;
  return layout;
}

StepProgram::StepProgram(TrainingStep step, const BuildOptions& options, int threads, bool profile)
    : step_(std::move(step)) {
  optimize(*step_.graph, options);
  CompileOptions compile_options = options.compile;
  if (compile_options.compile_threads == 0) compile_options.compile_threads = threads;
  model_ = std::make_unique<JitModel>(compile(*step_.graph, compile_options, ObjectKind::jit));
  step_.graph.reset();
  release_compilers_memory();
  ErrorText error;
  cnnc_options create{};
  create.threads = threads;
  create.profile = profile;
  create.flush_denormals = 1;
  create.max_bytes = static_cast<uint64_t>(options.compile.memory.bytes);
  create.error = error.text;
  create.error_bytes = sizeof error.text;
  const cnnc_status status = cnnc_create(model_->model(), &create, &executable_);
  if (status != CNNC_OK) throw Error(error.text, static_cast<Fault>(exit_code(status)));
  if (!runner_.create(executable_, layout_of(step_), &error)) throw Error(error.text, Fault::internal);
}

StepProgram::~StepProgram() { cnnc_destroy(executable_); }

void StepProgram::forget_initial() {
  for (TrainingStep::Carried& carried : step_.carried) carried.initial = Tensor();
}

float StepProgram::run(const Batch& batch, const StepNumbers& numbers, const std::vector<void*>& carried,
                       const std::vector<void*>& kept) {
  float loss = 0;
  const cnnc_status status = runner_.run(batch, numbers, carried.data(), kept.data(), &loss);
  if (status != CNNC_OK) throw Error(cnnc_last_error(executable_), static_cast<Fault>(exit_code(status)));
  return loss;
}

}  // namespace cnnc::codegen

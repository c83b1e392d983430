#include "codegen/step_programs.h"

#include <utility>

#include "ir/error.h"
#include "runtime/thread_count.h"

namespace cnnc::codegen {

// The labels for as many samples as the model takes.
static Type labels_for(const Graph& model, Type labels) {
  labels.dims[0] = model.inputs()[0]->dim(0);
  return labels;
}

std::optional<TrainingStep> TrainedModel::training_step(const Dim& batch) const {
  std::unique_ptr<Graph> model = graph(batch);
  if (!model) return std::nullopt;
  const Type type = labels_for(*model, labels);
  return cnnc::training_step(std::move(model), initializers, type, options);
}

std::optional<TrainingStep> TrainedModel::evaluation_step(const Dim& batch) const {
  std::unique_ptr<Graph> model = graph(batch);
  if (!model) return std::nullopt;
  const Type type = labels_for(*model, labels);
  return cnnc::evaluation_step(std::move(model), initializers, type, options);
}

std::optional<TrainingStep> step_for_any_batch(const StepBuilder& build, std::string* reason) {
  *reason = "its batch size is fixed";
  try {
    return build(Dim::symbol("batch"));
  } catch (const Error& error) {
    if (error.fault() != Fault::model) throw;
    *reason = error.message();
    return std::nullopt;
  }
}

std::unique_ptr<StepProgram> StepPrograms::compiled(TrainingStep step) const {
  BuildOptions build = options_.build;
  build.compile.memory.threads = options_.threads > 0 ? options_.threads : default_thread_count();
  for (const std::string& batch : step.graph->symbols()) build.compile.memory.sizes[batch] = options_.largest_other;
  if (forgets_initial_)
    for (TrainingStep::Carried& carried : step.carried) carried.initial = Tensor();
  return std::make_unique<StepProgram>(std::move(step), build, options_.threads, options_.profile);
}

StepProgram& StepPrograms::program_of_size(int64_t batch_size) {
  std::unique_ptr<StepProgram>& program = fixed_[batch_size];
  if (program == nullptr) program = compiled(*build_(Dim(batch_size)));
  return *program;
}

StepProgram& StepPrograms::program(int64_t batch_size) {
  if (batch_size == options_.full_batch) return program_of_size(batch_size);
  if (options_.largest_other == 0) options_.largest_other = batch_size;
  if (options_.build.compile.memory.bytes > 0 && batch_size > options_.largest_other) return program_of_size(batch_size);
  if (!tried_any_) {
    tried_any_ = true;
    std::string reason;
    if (std::optional<TrainingStep> step = step_for_any_batch(build_, &reason)) any_ = compiled(std::move(*step));
  }
  return any_ ? *any_ : program_of_size(batch_size);
}

void StepPrograms::forget_initial() {
  forgets_initial_ = true;
  if (any_) any_->forget_initial();
  for (auto& [size, program] : fixed_) program->forget_initial();
}

StepSource StepPrograms::source() {
  StepSource source;
  source.context = this;
  source.runner = [](void* context, int64_t batch_size, ErrorText* error) -> StepRunner* {
    auto& programs = *static_cast<StepPrograms*>(context);
    try {
      return &programs.program(batch_size).runner();
    } catch (const std::exception& e) {
      programs.failure_ = std::current_exception();
      error->set("%s", e.what());
      return nullptr;
    }
  };
  return source;
}

void StepPrograms::rethrow() {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace cnnc::codegen

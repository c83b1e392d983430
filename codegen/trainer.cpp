#include "codegen/trainer.h"

#include <algorithm>

#include "codegen/recompute.h"
#include "ir/error.h"
#include "passes/training/optimizer.h"
#include "passes/training/settings.h"
#include "runtime/team.h"

namespace cnnc::codegen {

static void check(ExitCode code, const ErrorText& error) {
  if (code != kExitOk) throw Error(error.text, static_cast<Fault>(code));
}

static double seconds_now() { return static_cast<double>(now_ns()) * 1e-9; }

std::vector<InitialTensor> initial_tensors(const TrainingStep& step) {
  std::vector<InitialTensor> tensors;
  for (const TrainingStep::Carried& carried : step.carried) {
    const CarriedRole role = carried.is_parameter ? CarriedRole::parameter : CarriedRole::optimizer;
    tensors.push_back({{carried.name.c_str(), role, view_of(carried.type, carried.initial.raw())}, carried.fill});
  }
  return tensors;
}

// The class axis has as many elements as there are classes; labels lack it.
static int32_t class_axis(const Type& output, const Type& labels) {
  const Dims without_last(output.dims.begin(), output.dims.end() - 1);
  return labels.dims == without_last ? output.rank() - 1 : 1;
}

AccuracyRule accuracy_rule(const LossOptions& loss, const TrainingStep& step) {
  AccuracyRule rule;
  switch (loss.loss) {
    case Loss::sparse_categorical_crossentropy:
      rule.kind = Accuracy::sparse;
      rule.axis = class_axis(step.output, step.labels);
      rule.classes = step.output.dims[static_cast<size_t>(rule.axis)].value();
      break;
    case Loss::categorical_crossentropy:
      rule.kind = Accuracy::categorical;
      rule.axis = step.output.rank() - 1;
      break;
    case Loss::binary_crossentropy:
      rule.kind = Accuracy::binary;
      rule.threshold = loss.from_probabilities ? 0.5 : 0;
      break;
    default:
      break;
  }
  return rule;
}

void set_optimizer(LoopOptions& loop, const OptimizerOptions& optimizer) {
  loop.learning_rate.initial = optimizer.learning_rate;
  loop.factors = step_factors(optimizer);
}

// ---- Trainer -----------------------------------------------------------------------------------

static StepPrograms::Options program_options(const TrainerOptions& options, int64_t full_batch, int64_t largest_other) {
  return {full_batch, largest_other, options.threads, options.profile, options.build};
}

// Samples of the last batch, where that is smaller, that are this process's.
static int64_t last_batch(const LoopOptions& loop, const Samples& samples) {
  const int64_t rest = samples.count() % loop.batch_size;
  return rest == 0 ? 0 : std::max<int64_t>(loop.shard.size(rest), 1);
}

// Samples of the first batch that are this process's.
static int64_t first_batch(const LoopOptions& loop, const Samples& samples) {
  return std::max<int64_t>(loop.shard.size(std::min(loop.batch_size, samples.count())), 1);
}

Trainer::Trainer(TrainedModel model, const Samples& samples, TrainerOptions options)
    : model_(std::move(model)),
      samples_(samples),
      options_(std::move(options)),
      settings_(settings_of(model_.options)),
      start_(seconds_now()),
      training_([this](const Dim& batch) { return model_.training_step(batch); },
                program_options(options_, options_.loop.shard.size(options_.loop.batch_size),
                                last_batch(options_.loop, samples))),
      evaluation_([this](const Dim& batch) { return model_.evaluation_step(batch); },
                  program_options(options_, 0, options_.loop.batch_size)),
      first_(first_program()) {
  set_optimizer(options_.loop, model_.options.optimizer);
  ErrorText error;
  const AccuracyRule rule = accuracy_rule(model_.options.loss, first_.step());
  if (!check_labels(samples.labels, rule, &error)) throw Error(error.text, Fault::usage);
  const std::vector<InitialTensor> initial = initial_tensors(first_.step());
  check(loop_.create(&samples_, options_.loop, training_.source(), settings_.c_str(), initial.data(), initial.size(), &error), error);
  training_.forget_initial();
  evaluation_.forget_initial();
  compile_seconds_ = seconds_now() - start_;
}

// With a limit of memory it is told before the first step whether all programs keep it.
StepProgram& Trainer::first_program() {
  const int64_t first = first_batch(options_.loop, samples_), last = last_batch(options_.loop, samples_);
  std::vector<std::function<void()>> programs{[&] { training_.program(first); }};
  // A model with a batch size of its own says here, and not after the first steps, that the last batch has another one.
  if (last > 0 && last != first && model_.graph(Dim::symbol("batch")) == nullptr)
    for (const int64_t size : {first, last}) model_.graph(Dim(size));
  if (options_.build.compile.memory.bytes > 0 && last > 0) programs.push_back([&] { training_.program(last); });
  compile_within_limit(programs);
  return training_.program(first);
}

void Trainer::resume(const Checkpoint& checkpoint) {
  ErrorText error;
  check(loop_.resume(checkpoint, &error), error);
}

Validation Trainer::validation_of(const Samples* samples) {
  if (samples == nullptr) return {};
  return {samples, accuracy_rule(model_.options.loss, first_.step()), evaluation_.source()};
}

void Trainer::run(const RunOptions& options, const Samples* validation) {
  ErrorText error;
  const ExitCode code = run_training(&loop_, options, validation_of(validation), &error);
  training_.rethrow();
  evaluation_.rethrow();
  check(code, error);
}

std::map<std::string, Tensor> Trainer::weights() {
  std::map<std::string, Tensor> result;
  for (const CarriedTensor& tensor : loop_.tensors()) {
    if (tensor.role != CarriedRole::parameter) continue;
    const Shape shape(tensor.view.dims, tensor.view.dims + tensor.view.rank);
    result[tensor.name] = Tensor(static_cast<DType>(tensor.view.dtype), shape, nullptr, tensor.view.data);
  }
  return result;
}

// ---- evaluation --------------------------------------------------------------------------------

Evaluation evaluate_model(const TrainedModel& model, const Samples& samples, int64_t batch_size, int threads,
                          const BuildOptions& build) {
  const int64_t start = now_ns();
  StepPrograms programs([&](const Dim& batch) { return model.evaluation_step(batch); },
                        {batch_size, batch_size, threads, false, build});
  StepProgram& first = programs.program(std::min(batch_size, samples.count()));
  std::vector<void*> carried;
  for (const TrainingStep::Carried& c : first.step().carried) carried.push_back(const_cast<void*>(c.initial.raw()));
  Evaluation result;
  ErrorText error;
  const AccuracyRule rule = accuracy_rule(model.options.loss, first.step());
  const ExitCode code = evaluate(samples, batch_size, rule, programs.source(), carried.data(), &result, &error);
  programs.rethrow();
  check(code, error);
  result.seconds = static_cast<double>(now_ns() - start) * 1e-9;
  return result;
}

}  // namespace cnnc::codegen

#include "codegen/trainer.h"

#include <time.h>

#include <cmath>

#include "codegen/evaluator.h"
#include "ir/error.h"
#include "passes/training/optimizer.h"
#include "runtime/team.h"

namespace cnnc::codegen {

static double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Trainer::Trainer(ModelSource model, std::set<std::string> initializers, Dataset data,
                 const TrainerOptions& options)
    : model_(std::move(model)),
      initializers_(std::move(initializers)),
      data_(std::move(data)),
      options_(options),
      batches_(data_, options.batch_size) {
  check_rows(data_);
  const int64_t start = now_ns();
  const TrainingStep& step = training_program(batches_.size(0)).step();
  check_labels(data_, options_.training.loss, step);
  carried_ = step.carried;
  parameter_count_ = step.parameter_count;
  for (const TrainingStep::Carried& c : carried_) {
    current_.emplace_back(c.initial.dtype(), c.initial.shape());
    std::copy_n(c.initial.data<char>(), c.initial.bytes(), current_.back().mutable_data<char>());
  }
  compile_seconds_ = static_cast<double>(now_ns() - start) * 1e-9;
}

StepProgram& Trainer::training_program(int64_t batch_size) {
  std::unique_ptr<StepProgram>& program = training_[batch_size];
  if (program == nullptr)
    program = std::make_unique<StepProgram>(
        training_step(model_(batch_size), initializers_, label_rows(data_, batch_size),
                      options_.training),
        options_.build, options_.threads, options_.profile);
  return *program;
}

StepNumbers Trainer::numbers() const {
  const OptimizerOptions& optimizer = options_.training.optimizer;
  StepNumbers numbers;
  numbers.step = step_;
  numbers.learning_rate =
      static_cast<float>(options_.schedule(optimizer.learning_rate, step_));
  if (has_bias_correction(optimizer.kind))
    numbers.bias_correction = static_cast<float>(bias_correction(optimizer, step_));
  return numbers;
}

EpochResult Trainer::run_epoch(int64_t most_steps) {
  const int64_t start = now_ns();
  const double cpu_start = cpu_seconds();
  if (options_.shuffle) batches_.shuffle(options_.training.seed, epoch_);
  EpochResult result;
  for (int64_t i = 0; i < batches_.count() && result.steps < most_steps; ++i) {
    const int64_t size = batches_.size(i);
    const float loss = training_program(size).run(batches_.batch(i), numbers(), current_, nullptr);
    ++result.steps;
    ++step_;
    if (!std::isfinite(loss)) {
      if (options_.on_nan == OnNan::stop)
        throw Error(cat("the loss is ", loss, " in step ", step_, " (epoch ", epoch_ + 1,
                        "); lower --lr, limit gradients with --global-clipnorm, or go on with "
                        "--nan=skip"),
                    Fault::limit);
      ++result.skipped;
      continue;
    }
    result.loss += static_cast<double>(loss) * static_cast<double>(size);
    result.samples += size;
  }
  ++epoch_;
  if (result.samples > 0) result.loss /= static_cast<double>(result.samples);
  result.seconds = static_cast<double>(now_ns() - start) * 1e-9;
  result.cpu_seconds = cpu_seconds() - cpu_start;
  return result;
}

std::map<std::string, Tensor> Trainer::weights() const {
  std::map<std::string, Tensor> result;
  for (size_t i = 0; i < carried_.size(); ++i)
    if (carried_[i].is_parameter) result[carried_[i].name] = current_[i];
  return result;
}

}  // namespace cnnc::codegen

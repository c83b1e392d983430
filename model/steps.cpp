#include "model/steps.h"

#include <algorithm>

#include "ir/error.h"
#include "model/bind_symbols.h"
#include "passes/training/optimizer.h"
#include "runtime/training/training_loop.h"

namespace cnnc::dsl {

static bool is_frozen(const BuiltWeight& weight) {
  const bool by_layer = weight.owner != nullptr && !weight.owner->trainable;
  return weight.frozen || by_layer || (!weight.is_trainable() && !weight.is_statistic);
}

Steps& Steps::of(ModelState& model, TrainingState& training, const Options& options) {
  if (!training.steps || training.steps->options_ != options)
    training.steps = std::make_shared<Steps>(model, training, options);
  return *training.steps;
}

Steps::Steps(ModelState& model, TrainingState& training, const Options& options)
    : model_(model),
      training_state_(training),
      options_(options),
      samples_(model.prototype->inputs().size()),
      labels_(training.targets.size()),
      weights_(training.targets.size()) {}

// Frozen weights are constants of the programs, which are compiled anew when another weight is frozen or one of them has
// another value. Values are kept, so that an address stands for a value.
void Steps::take_frozen_weights() {
  frozen_.resize(model_.weights.size());
  bool changed = false;
  for (size_t i = 0; i < frozen_.size(); ++i) {
    const BuiltWeight& weight = model_.weights[i];
    const bool frozen = is_frozen(weight);
    const void* now = frozen ? weight.variable->value.raw() : nullptr;
    if (frozen_[i].raw() == now) continue;
    frozen_[i] = frozen ? weight.variable->value : cnnc::Tensor();
    changed = true;
  }
  if (!changed) return;
  training_.clear();
  evaluation_.clear();
}

TrainingOptions Steps::training_options() const {
  TrainingOptions options;
  options.optimizer = training_state_.optimizer;
  options.keep_output = true;
  options.seed = options_.seed;
  for (size_t i = 0; i < model_.weights.size(); ++i) {
    const BuiltWeight& weight = model_.weights[i];
    if (frozen_[i].raw() != nullptr) options.frozen.insert(weight.name);
    const Regularizer& r = weight.variable->regularizer;
    if (r) options.penalties[weight.name] = {r.l1, r.l2};
  }
  return options;
}

static Type batch_type(const Array& labels, int64_t count) {
  Type type{labels.storage().tensor.dtype(), to_dims(labels.shape())};
  type.dims[0] = count;
  return type;
}

std::vector<Objective> Steps::objectives(const Source& source, int64_t count) const {
  std::vector<Objective> objectives;
  for (size_t i = 0; i < training_state_.targets.size(); ++i) {
    const Target& t = training_state_.targets[i];
    objectives.push_back(
        {t.output, batch_type(source.y[i].array, count), t.loss, t.goal.weight, options_.sample_weights});
  }
  return objectives;
}

static std::unique_ptr<Graph> graph_for_batch(const ModelState& model, int64_t count) {
  std::unique_ptr<Graph> graph = model.graph();
  const std::optional<std::string> batch = graph->inputs()[0]->dim(0).as_symbol();
  if (!batch && graph->inputs()[0]->dim(0).value() != count)
    throw Error(cat("a batch of ", count, " samples for a model whose batch is always ", graph->inputs()[0]->dim(0)),
                Fault::usage);
  return batch ? bind_symbols(*graph, {{*batch, Dim(count)}}) : std::move(graph);
}

// Which carried tensors are weights, and which are the optimizer's.
static std::vector<std::shared_ptr<Variable>> variables_of(const ModelState& model, const TrainingStep& step) {
  std::map<std::string, std::shared_ptr<Variable>> known;
  for (const BuiltWeight& weight : model.weights) known[weight.name] = weight.variable;
  std::vector<std::shared_ptr<Variable>> variables;
  for (const TrainingStep::Carried& c : step.carried)
    variables.push_back(c.is_parameter ? known.at(c.name) : nullptr);
  return variables;
}

Steps::Compiled& Steps::compiled(Programs& programs, bool training, int64_t count, const Source& source) {
  take_frozen_weights();
  const auto known = programs.find(count);
  if (known != programs.end()) return known->second;
  std::set<std::string> names;
  for (const BuiltWeight& weight : model_.weights) names.insert(weight.name);
  const TrainingOptions options = training_options();
  std::unique_ptr<Graph> graph = graph_for_batch(model_, count);
  TrainingStep step = training ? training_step(std::move(graph), names, objectives(source, count), options)
                               : evaluation_step(std::move(graph), names, objectives(source, count), options);
  Compiled entry;
  entry.variables = variables_of(model_, step);
  for (size_t i = 1; i <= step.kept; ++i) {
    const Type& type = step.graph->outputs()[i]->type();
    entry.kept.emplace_back(type.dtype, type.shape());
  }
  entry.program = std::make_unique<codegen::StepProgram>(std::move(step), codegen::BuildOptions{}, options_.threads);
  ++compiled_count_;
  return programs[count] = std::move(entry);
}

// The state goes on where an earlier fit or a checkpoint left it, or begins.
cnnc::Tensor& Steps::optimizer_state(const TrainingStep::Carried& carried) {
  cnnc::Tensor& state = training_state_.optimizer_state[carried.name];
  if (state.shape() != carried.type.shape()) state = carried.at_start();
  return state;
}

// ---- runs ------------------------------------------------------------------------------------------------------------
Batch Steps::gather(const Source& source, const int64_t* rows, int64_t count) {
  Batch batch;
  batch.size = count;
  size_t next = 0;
  const auto give = [&](const void* data) {
    if (next == cnnc::Samples::kMostInputs)
      throw Error(cat("a model's inputs and outputs are too many, at most ", int{cnnc::Samples::kMostInputs}), Fault::limit);
    batch.inputs[next++] = data;
  };
  for (size_t i = 0; i < source.x.size(); ++i) {
    source.x[i].take(rows, count, samples_[i]);
    give(samples_[i].raw());
  }
  for (size_t t = 0; t < source.y.size(); ++t) {
    const Source::Labels& y = source.y[t];
    y.feed.take(rows, count, labels_[t]);
    weights_[t].assign(options_.sample_weights ? static_cast<size_t>(count) : 0, 1);
    for (size_t i = 0; i < weights_[t].size() && !y.weights.empty(); ++i)
      weights_[t][i] = y.weights[static_cast<size_t>(rows[i])];
    if (t == 0) continue;
    give(labels_[t].raw());
    if (options_.sample_weights) give(weights_[t].data());
  }
  batch.labels = labels_[0].raw();
  if (options_.sample_weights) batch.weights = weights_[0].data();
  return batch;
}

double Steps::run(Compiled& step, const Batch& batch, const StepNumbers& numbers) {
  const std::vector<TrainingStep::Carried>& carried = step.program->step().carried;
  const bool updates = step.program->step().is_training;
  std::vector<void*> addresses, kept;
  for (size_t i = 0; i < carried.size(); ++i) {
    cnnc::Tensor& value = step.variables[i] ? step.variables[i]->value : optimizer_state(carried[i]);
    // Whoever holds a copy of a value keeps it.
    addresses.push_back(updates ? value.mutable_raw() : const_cast<void*>(value.raw()));
  }
  for (cnnc::Tensor& tensor : step.kept) kept.push_back(tensor.mutable_raw());
  last_ = &step;
  return step.program->run(batch, numbers, addresses, kept);
}

double Steps::train(const Source& source, const int64_t* rows, int64_t count) {
  Compiled& step = compiled(training_, true, count, source);
  StepNumbers numbers;
  numbers.step = training_state_.step;
  numbers.learning_rate = static_cast<float>(training_state_.learning_rate.at(training_state_.step));
  const OptimizerOptions& optimizer = training_state_.optimizer;
  if (has_bias_correction(optimizer.kind))
    numbers.bias_correction =
        static_cast<float>(bias_correction(optimizer.beta1, correction_beta2(optimizer), training_state_.step));
  const double loss = run(step, gather(source, rows, count), numbers);
  ++training_state_.step;
  return loss;
}

double Steps::evaluate(const Source& source, const int64_t* rows, int64_t count) {
  Compiled& step = compiled(evaluation_, false, count, source);
  return run(step, gather(source, rows, count), {});
}

const float* Steps::weights(size_t target) const {
  return weights_[target].empty() ? nullptr : weights_[target].data();
}

double Steps::part(size_t target) const {
  return last_->kept[training_state_.targets.size() + target].as_double(0);
}

}  // namespace cnnc::dsl

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
  require_threads(options.threads);
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

// Frozen weights are constants of the programs, which are compiled anew when another weight is frozen. One that changes
// nevertheless, for another model trains it or somebody sets it, is an input of the programs from then on. Values are
// kept, so that an address stands for a value.
void Steps::take_frozen_weights() {
  frozen_.resize(model_.weights.size());
  bool changed = false;
  for (size_t i = 0; i < frozen_.size(); ++i) {
    const BuiltWeight& weight = model_.weights[i];
    const bool frozen = is_frozen(weight), was_held = held_.count(i) != 0;
    const void* now = frozen && !was_held ? weight.variable->value.raw() : nullptr;
    if (was_held ? frozen : frozen_[i].raw() == now) continue;
    const bool other_value = frozen && frozen_[i].raw() != nullptr;
    if (other_value) held_.insert(i);
    else held_.erase(i);
    frozen_[i] = frozen && !other_value ? weight.variable->value : cnnc::Tensor();
    changed = true;
  }
  if (!changed) return;
  dropped_count_ = compiled_count();
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
    if (held_.count(i) != 0) options.held.insert(weight.name);
    const Regularizer& r = weight.variable->regularizer;
    if (r) options.penalties[weight.name] = {r.l1, r.l2};
  }
  return options;
}

void Steps::limit_memory(int64_t bytes) {
  if (bytes == memory_limit_) return;
  memory_limit_ = bytes;
  for (const auto& [shape, programs] : training_) dropped_count_ += programs.of_batches->compiled_count();
  training_.clear();
}

// ---- programs --------------------------------------------------------------------------------------------------------
std::vector<Objective> Steps::objectives(const std::vector<Type>& labels, const Dim& batch) const {
  std::vector<Objective> objectives;
  for (size_t i = 0; i < training_state_.targets.size(); ++i) {
    const Target& t = training_state_.targets[i];
    Type type = labels[i];
    type.dims[0] = batch;
    objectives.push_back({t.output, std::move(type), t.loss, t.goal.weight, options_.sample_weights, model_.mask_of(t.output)});
  }
  return objectives;
}

// The model for batches of this size and samples of these shapes; null when `batch` is a symbol and the model has a size
// of its own.
static std::unique_ptr<Graph> graph_for(const ModelState& model, const Dim& batch, const std::vector<Shape>& samples) {
  std::unique_ptr<Graph> graph = model.graph_with_masks();
  std::map<std::string, Dim> sizes;
  for (size_t i = 0; i < samples.size(); ++i) {
    const Value& input = *graph->inputs()[i];
    if (const std::optional<std::string> symbol = input.dim(0).as_symbol()) {
      sizes[*symbol] = batch;
    } else if (!batch.is_const()) {
      return nullptr;
    } else if (!(input.dim(0) == batch)) {
      throw Error(cat("a batch of ", batch, " samples for a model whose batch is always ", input.dim(0)), Fault::usage);
    }
    for (size_t axis = 0; axis < samples[i].size(); ++axis)
      if (const std::optional<std::string> symbol = input.dim(static_cast<int>(axis) + 1).as_symbol())
        sizes[*symbol] = samples[i][axis];
  }
  return sizes.empty() ? std::move(graph) : bind_symbols(*graph, sizes);
}

static std::vector<Shape> sample_shapes(const Source& source) {
  std::vector<Shape> shapes;
  for (const Feed& feed : source.x) shapes.push_back(feed.row());
  for (const Source::Labels& y : source.y) shapes.push_back(y.feed.row());
  return shapes;
}

std::unique_ptr<codegen::StepPrograms> Steps::new_programs(const Source& source, bool training) const {
  std::vector<Type> labels;
  for (const Source::Labels& y : source.y)
    labels.push_back({y.array.storage().tensor.dtype(), to_dims(y.array.shape())});
  std::vector<Shape> samples = sample_shapes(source);
  samples.resize(source.x.size());
  const auto build = [this, labels, samples, training](const Dim& batch) -> std::optional<TrainingStep> {
    std::unique_ptr<Graph> graph = graph_for(model_, batch, samples);
    if (graph == nullptr) return std::nullopt;
    std::set<std::string> names;
    for (const BuiltWeight& weight : model_.weights) names.insert(weight.name);
    const TrainingOptions options = training_options();
    return training ? training_step(std::move(graph), names, objectives(labels, batch), options)
                    : evaluation_step(std::move(graph), names, objectives(labels, batch), options);
  };
  codegen::StepPrograms::Options options;
  options.threads = options_.threads;
  if (training) options.build.compile.memory.bytes = memory_limit_;
  return std::make_unique<codegen::StepPrograms>(build, std::move(options));
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

// Batches of the usual size have a program of their own. Smaller ones share one for any size.
Steps::Compiled& Steps::compiled(ProgramsByShape& by_shape, bool training, const SourceRows& rows) {
  take_frozen_weights();
  Programs& programs = by_shape[sample_shapes(*rows.source)];
  if (programs.of_batches == nullptr) programs.of_batches = new_programs(*rows.source, training);
  codegen::StepPrograms& of_batches = *programs.of_batches;
  codegen::StepProgram& program = rows.is_full ? of_batches.program_of_size(rows.count) : of_batches.program(rows.count);
  Compiled& entry = programs.compiled[&program];
  if (entry.program == nullptr) {
    entry.program = &program;
    entry.variables = variables_of(model_, program.step());
  }
  if (entry.batch_size != rows.count) {
    entry.kept.clear();
    for (Type type : program.step().kept) {
      for (Dim& dim : type.dims) dim = dim.substitute({{"batch", Dim(rows.count)}});
      entry.kept.emplace_back(type.dtype, type.shape());
    }
    entry.batch_size = rows.count;
  }
  return entry;
}

int64_t Steps::compiled_count() const {
  int64_t count = dropped_count_;
  for (const ProgramsByShape* all : {&training_, &evaluation_})
    for (const auto& [shape, programs] : *all) count += programs.of_batches->compiled_count();
  return count;
}

// The state goes on where an earlier fit or a checkpoint left it, or begins.
cnnc::Tensor& Steps::optimizer_state(const TrainingStep::Carried& carried) {
  cnnc::Tensor& state = training_state_.optimizer_state[carried.name];
  if (state.shape() != carried.type.shape()) state = carried.at_start();
  return state;
}

// ---- runs ------------------------------------------------------------------------------------------------------------
Batch Steps::gather(const SourceRows& part) {
  const Source& source = *part.source;
  const int64_t count = part.count;
  const int64_t* rows = part.rows;
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

double Steps::train(const SourceRows& rows) {
  Compiled& step = compiled(training_, true, rows);
  StepNumbers numbers;
  numbers.step = training_state_.step;
  numbers.learning_rate = static_cast<float>(training_state_.learning_rate.at(training_state_.step));
  const StepFactors factors = step_factors(training_state_.optimizer);
  for (int32_t i = 0; i < factors.count; ++i) numbers.factors[i] = factors.at(i, training_state_.step);
  const double loss = run(step, gather(rows), numbers);
  ++training_state_.step;
  return loss;
}

double Steps::evaluate(const SourceRows& rows) {
  Compiled& step = compiled(evaluation_, false, rows);
  return run(step, gather(rows), {});
}

const std::vector<float>& Steps::weights(size_t target) const { return weights_[target]; }

const cnnc::Tensor* Steps::mask(size_t target) const {
  const std::vector<Target>& targets = training_state_.targets;
  if (!model_.mask_of(targets[target].output)) return nullptr;
  size_t at = targets.size() > 1 ? 2 * targets.size() : 1;  // behind outputs and parts
  for (size_t t = 0; t < target; ++t) at += model_.mask_of(targets[t].output) ? 1 : 0;
  return &last_->kept[at];
}

double Steps::part(size_t target) const {
  return last_->kept[training_state_.targets.size() + target].as_double(0);
}

}  // namespace cnnc::dsl

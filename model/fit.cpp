// compile, fit and evaluate, with Keras' semantics.
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>

#include "cnnc/model.h"
#include "frontend/dsl/random.h"
#include "ir/error.h"
#include "model/metrics.h"
#include "model/progress.h"
#include "model/steps.h"

namespace cnnc::dsl {

// ---- compile ---------------------------------------------------------------------------------------------------------
// Whether the model ends in probabilities while the loss takes logits, or the other way round.
static void warn_of_activation(const Graph& graph, const Loss& loss) {
  const Node* last = graph.outputs().empty() ? nullptr : graph.outputs()[0]->producer();
  if (last == nullptr) return;
  const bool probabilities = last->is("Softmax") || last->is("Sigmoid");
  const bool crossentropy = loss.index() < 3;
  if (crossentropy && probabilities && has_logits(loss))
    std::fprintf(stderr, "warning: the model ends in %s, but the loss has from_logits = true: leave out one of the two\n",
                 last->op_name().c_str());
  if (crossentropy && !probabilities && !has_logits(loss))
    std::fprintf(stderr, "warning: the loss takes probabilities, but the model ends in %s: give it from_logits = true\n",
                 last->op_name().c_str());
}

void Model::compile(Optimizer optimizer, Loss loss, std::vector<Metric> metrics) {
  auto training = std::make_shared<TrainingState>(training_state(std::move(optimizer), std::move(loss), std::move(metrics)));
  warn_of_activation(*state_->prototype, training->loss);
  state_->training = std::move(training);
}

static TrainingState& compiled_training(ModelState& model, const char* what) {
  if (!model.training) throw Error(cat("call compile() before ", what, "()"), Fault::usage);
  return *model.training;
}

void Model::stop_training() { compiled_training(*state_, "stop_training").stop = true; }
double Model::learning_rate() const {
  const TrainingState& training = compiled_training(*state_, "learning_rate");
  return training.learning_rate.at(training.step);
}
void Model::set_learning_rate(double value) {
  if (!(value >= 0)) throw Error(cat("the learning rate is ", value, ", need a positive number"), Fault::usage);
  compiled_training(*state_, "set_learning_rate").learning_rate = value;
}

// ---- Ctrl-C ----------------------------------------------------------------------------------------------------------
namespace {

volatile sig_atomic_t interrupted = 0;

// The first Ctrl-C lets the step end and fit return; a second one ends the program as ever.
class Interrupts {
 public:
  Interrupts() {
    interrupted = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &old_);
  }
  ~Interrupts() { sigaction(SIGINT, &old_, nullptr); }

 private:
  struct sigaction old_ {};
};

// The loss and the metrics of an epoch so far.
class Running {
 public:
  explicit Running(const TrainingState& training) {
    for (const Metric& metric : training.metrics) metrics_.push_back(running_metric(metric, training.loss));
  }
  void reset() {
    loss_ = 0, samples_ = 0;
    for (auto& metric : metrics_) metric->reset();
  }
  void add(float loss, int64_t count, const Steps& steps) {
    loss_ += static_cast<double>(loss) * static_cast<double>(count);
    samples_ += count;
    for (auto& metric : metrics_) metric->add(steps.outputs(), steps.labels());
  }
  double loss() const { return samples_ == 0 ? 0 : loss_ / static_cast<double>(samples_); }
  void write(Logs& logs, const std::string& prefix) const {
    logs[prefix + "loss"] = loss();
    for (const auto& metric : metrics_) logs[prefix + metric->name()] = metric->value();
  }
  std::vector<double> values() const {
    std::vector<double> all{loss()};
    for (const auto& metric : metrics_) all.push_back(metric->value());
    return all;
  }

 private:
  std::vector<std::unique_ptr<RunningMetric>> metrics_;
  double loss_ = 0;
  int64_t samples_ = 0;
};

void evaluate_all(Steps& steps, const Source& source, int64_t batch, Running& running, Progress* progress) {
  running.reset();
  int64_t done = 0;
  for (int64_t begin = 0; begin < source.rows(); begin += batch) {
    const int64_t end = std::min(source.rows(), begin + batch);
    running.add(steps.evaluate(source, begin, end), end - begin, steps);
    if (progress == nullptr) continue;
    Logs logs;
    running.write(logs, "");
    progress->step(++done, logs);
  }
}

struct Split {
  Dataset training, validation;
  Array training_weights;
};

// Cut before shuffling: the last part validates.
Split split_of(const Dataset& data, const FitOptions& o) {
  if (!(o.validation_split >= 0) || o.validation_split >= 1)
    throw Error(cat("validation_split is ", o.validation_split, ", need a number in [0, 1)"), Fault::usage);
  Split split{data, o.validation_data, o.sample_weight};
  if (o.validation_split == 0 || !o.validation_data.x.empty()) return split;
  const int64_t rows = data.x.rows();
  const auto cut = static_cast<int64_t>(std::floor(static_cast<double>(rows) * (1 - o.validation_split)));
  if (cut == 0 || cut == rows)
    throw Error(cat("validation_split = ", o.validation_split, " leaves no samples to ", cut == 0 ? "train" : "validate",
                    ": there are ", rows),
                Fault::usage);
  split.training = {data.x.slice(0, cut), data.y.slice(0, cut)};
  split.validation = {data.x.slice(cut, rows), data.y.slice(cut, rows)};
  if (!o.sample_weight.empty()) split.training_weights = o.sample_weight.slice(0, cut);
  return split;
}

class Fit {
 public:
  Fit(Model& model, ModelState& state, TrainingState& training, const Dataset& data, const FitOptions& options)
      : model_(model), state_(state), training_(training), options_(options) {
    if (options.batch_size <= 0)
      throw Error(cat("batch_size is ", options.batch_size, ", need a positive number"), Fault::usage);
    if (data.x.rows() != data.y.rows())
      throw Error(cat("the data have ", data.x.rows(), " samples and ", data.y.rows(), " labels"), Fault::usage);
    const Split split = split_of(data, options);
    source_.emplace(source_of(state, training, split.training, split.training_weights, options.class_weight));
    if (!split.validation.x.empty())
      validation_.emplace(source_of(state, training, split.validation, {}, {}));
    order_.resize(static_cast<size_t>(source_->rows()));
    std::iota(order_.begin(), order_.end(), 0);
  }

  History run() {
    steps_ = std::make_unique<Steps>(state_, training_, !source_->weights.empty(), options_.threads);
    steps_->load(training_);
    const Interrupts interrupts;
    training_.stop = false;
    for (const CallbackHandle& c : options_.callbacks) c->on_train_begin(model_);
    for (int epoch = options_.initial_epoch; epoch < options_.epochs && !training_.stop; ++epoch) run_epoch(epoch);
    for (const CallbackHandle& c : options_.callbacks) c->on_train_end(model_);
    return std::move(history_);
  }

 private:
  int64_t batch_count() const { return (source_->rows() + options_.batch_size - 1) / options_.batch_size; }

  void run_epoch(int epoch) {
    for (const CallbackHandle& c : options_.callbacks) c->on_epoch_begin(model_, epoch);
    Progress progress(options_.verbose, batch_count());
    progress.begin_epoch(epoch, options_.epochs);
    Running running(training_);
    train_batches(running, progress);
    Logs logs;
    running.write(logs, "");
    validate(epoch, logs);
    progress.end(logs);
    steps_->store_weights(state_);
    steps_->store_optimizer(training_);
    remember(epoch, logs, progress.seconds());
    ++training_.epoch;
    for (const CallbackHandle& c : options_.callbacks) c->on_epoch_end(model_, epoch, logs);
    if (interrupted != 0) training_.stop = true;
  }

  void train_batches(Running& running, Progress& progress) {
    if (options_.shuffle) shuffle();
    for (int64_t i = 0; i < batch_count() && !training_.stop && interrupted == 0; ++i) {
      const int64_t begin = i * options_.batch_size, count = std::min(options_.batch_size, source_->rows() - begin);
      const float loss = steps_->train(*source_, &order_[static_cast<size_t>(begin)], count, training_);
      ++training_.step;
      running.add(loss, count, *steps_);
      if (options_.callbacks.empty() && i % 16 != 15) continue;
      Logs logs;
      running.write(logs, "");
      progress.step(i + 1, logs);
      for (const CallbackHandle& c : options_.callbacks) c->on_batch_end(model_, i, logs);
    }
  }

  // Fisher-Yates, decided by the seed and by how many epochs the model has seen.
  void shuffle() {
    RandomNumbers random(global_seed(), static_cast<uint64_t>(training_.epoch) + 1);
    std::iota(order_.begin(), order_.end(), 0);
    for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
  }

  void validate(int epoch, Logs& logs) {
    if (!validation_ || (epoch + 1) % std::max(1, options_.validation_freq) != 0) return;
    Running running(training_);
    evaluate_all(*steps_, *validation_, options_.batch_size, running, nullptr);
    running.write(logs, "val_");
  }

  void remember(int epoch, const Logs& logs, double seconds) {
    history_.epoch.push_back(epoch);
    history_.seconds.push_back(seconds);
    for (const auto& [name, value] : logs) history_.history[name].push_back(value);
  }

  Model& model_;
  ModelState& state_;
  TrainingState& training_;
  const FitOptions& options_;
  std::optional<Source> source_, validation_;
  std::vector<int64_t> order_;
  std::unique_ptr<Steps> steps_;
  History history_;
};

}  // namespace

History Model::fit(const Dataset& data, const FitOptions& options) {
  return Fit(*this, *state_, compiled_training(*state_, "fit"), data, options).run();
}

std::vector<double> Model::evaluate(const Dataset& data, const EvaluateOptions& options) {
  TrainingState& training = compiled_training(*state_, "evaluate");
  if (options.batch_size <= 0)
    throw Error(cat("batch_size is ", options.batch_size, ", need a positive number"), Fault::usage);
  const Source source = source_of(*state_, training, data, options.sample_weight, {});
  Steps steps(*state_, training, !source.weights.empty(), options.threads);
  Running running(training);
  Progress progress(options.verbose, (source.rows() + options.batch_size - 1) / options.batch_size);
  evaluate_all(steps, source, options.batch_size, running, &progress);
  Logs logs;
  running.write(logs, "");
  progress.end(logs);
  return running.values();
}

}  // namespace cnnc::dsl

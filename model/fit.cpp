// fit, with Keras' semantics.
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>
#include <set>

#include "cnnc/model.h"
#include "frontend/dsl/random.h"
#include "ir/error.h"
#include "model/evaluate.h"

namespace cnnc::dsl {

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

struct Split {
  Samples training, validation;
  ArrayList training_weights, validation_weights;
};

int64_t rows_of(const Samples& data) { return data.x.empty() ? 0 : data.x[0].rows(); }

ArrayList part(const ArrayList& arrays, int64_t begin, int64_t end) {
  ArrayList parts;
  for (const Array& array : arrays) parts.push_back(array.slice(begin, end));
  return parts;
}

// Cut before shuffling: the last part validates.
Split split_of(const Samples& data, const FitOptions& o) {
  if (!(o.validation_split >= 0) || o.validation_split >= 1)
    throw Error(cat("validation_split is ", o.validation_split, ", need a number in [0, 1)"), Fault::usage);
  const int64_t rows = rows_of(data);
  for (const ArrayList* arrays : {&data.x, &data.y, &o.sample_weight})
    for (const Array& array : *arrays)
      if (array.rows() != rows)
        throw Error(cat("the data have ", rows, " samples and ", array.rows(),
                        arrays == &o.sample_weight ? " weights" : arrays == &data.x ? " of another input" : " labels"),
                    Fault::usage);
  if (o.validation_split == 0 || !o.validation_data.x.empty()) return {data, o.validation_data, o.sample_weight, {}};
  const auto cut = static_cast<int64_t>(std::floor(static_cast<double>(rows) * (1 - o.validation_split)));
  if (cut == 0 || cut == rows)
    throw Error(cat("validation_split = ", o.validation_split, " leaves no samples to ", cut == 0 ? "train" : "validate",
                    ": there are ", rows),
                Fault::usage);
  return {{part(data.x, 0, cut), part(data.y, 0, cut)},
          {part(data.x, cut, rows), part(data.y, cut, rows)},
          part(o.sample_weight, 0, cut),
          part(o.sample_weight, cut, rows)};
}

// Sorted data are the usual mistake: the last part then has classes that the first one lacks.
void warn_of_unseen_classes(const TrainingState& training, const Split& split) {
  for (size_t t = 0; t < training.targets.size(); ++t) {
    if (!takes_classes(training.targets[t].goal.loss)) continue;
    const auto classes = [&](const Array& labels) {
      std::set<int64_t> all;
      for (int64_t i = 0; i < labels.size(); ++i) all.insert(static_cast<int64_t>(labels.at(i)));
      return all;
    };
    const std::set<int64_t> seen = classes(split.training.y[t]);
    for (const int64_t c : classes(split.validation.y[t])) {
      if (seen.count(c) != 0) continue;
      std::fprintf(stderr,
                   "warning: validation_split holds out the last part of the data, and only that has class %lld: shuffle "
                   "the data first\n",
                   static_cast<long long>(c));
      return;
    }
  }
}

class Fit {
 public:
  Fit(Model& model, ModelState& state, TrainingState& training, const Samples& data, const FitOptions& options)
      : model_(model), state_(state), training_(training), options_(options) {
    check_options();
    const Split split = split_of(data, options);
    source_.emplace(source_of(state, training, split.training, split.training_weights, options.class_weight));
    if (!split.validation.x.empty())
      validation_.emplace(source_of(state, training, split.validation, split.validation_weights, {}));
    if (options.validation_split > 0 && options.validation_data.x.empty()) warn_of_unseen_classes(training, split);
    order_.resize(static_cast<size_t>(source_->rows()));
    std::iota(order_.begin(), order_.end(), 0);
  }

  History run() {
    const bool weighted = source_->has_weights() || (validation_ && validation_->has_weights());
    steps_ = &Steps::of(state_, training_, {weighted, options_.threads, global_seed()});
    const Interrupts interrupts;
    training_.stop = false;
    for (const CallbackHandle& c : options_.callbacks) c->on_train_begin(model_);
    for (int epoch = options_.initial_epoch; epoch < options_.epochs && !training_.stop; ++epoch) run_epoch(epoch);
    for (const CallbackHandle& c : options_.callbacks) c->on_train_end(model_);
    history_.interrupted = interrupted != 0;
    return std::move(history_);
  }

 private:
  void check_options() const {
    const auto need = [](bool holds, const char* name, int64_t value, const char* what) {
      if (!holds) throw Error(cat(name, " is ", value, ", need ", what), Fault::usage);
    };
    need(options_.batch_size > 0, "batch_size", options_.batch_size, "a positive number");
    need(options_.validation_batch_size >= 0, "validation_batch_size", options_.validation_batch_size, "0 or more");
    need(options_.epochs >= 0, "epochs", options_.epochs, "0 or more");
    need(options_.initial_epoch >= 0, "initial_epoch", options_.initial_epoch, "0 or more");
    need(options_.validation_freq > 0, "validation_freq", options_.validation_freq, "a positive number");
  }

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
    remember(epoch, logs, progress.seconds());
    ++training_.epoch;
    for (const CallbackHandle& c : options_.callbacks) c->on_epoch_end(model_, epoch, logs);
    if (interrupted != 0) training_.stop = true;
  }

  void train_batches(Running& running, Progress& progress) {
    if (options_.shuffle) shuffle();
    for (int64_t i = 0; i < batch_count() && !training_.stop && interrupted == 0; ++i) {
      const int64_t begin = i * options_.batch_size, count = std::min(options_.batch_size, source_->rows() - begin);
      const double loss = steps_->train(*source_, &order_[static_cast<size_t>(begin)], count);
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
    if (!validation_ || (epoch + 1) % options_.validation_freq != 0) return;
    Running running(training_);
    const int64_t batch = options_.validation_batch_size > 0 ? options_.validation_batch_size : options_.batch_size;
    evaluate_all(*steps_, *validation_, batch, running, nullptr);
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
  Steps* steps_ = nullptr;
  History history_;
};

}  // namespace

History Model::fit(const Samples& data, const FitOptions& options) {
  return Fit(*this, *state_, compiled_training(*state_, "fit"), data, options).run();
}

}  // namespace cnnc::dsl

// fit, with Keras' semantics.
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
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

void check_options(const FitOptions& o) {
  const auto need = [](bool holds, const char* name, int64_t value, const char* what) {
    if (!holds) throw Error(cat(name, " is ", value, ", need ", what), Fault::usage);
  };
  need(o.batch_size > 0, "batch_size", o.batch_size, "a positive number");
  need(o.validation_batch_size >= 0, "validation_batch_size", o.validation_batch_size, "0 or more");
  need(o.epochs >= 0, "epochs", o.epochs, "0 or more");
  need(o.initial_epoch >= 0, "initial_epoch", o.initial_epoch, "0 or more");
  need(o.validation_freq > 0, "validation_freq", o.validation_freq, "a positive number");
  need(o.steps_per_epoch >= 0, "steps_per_epoch", o.steps_per_epoch, "0 or more");
  need(o.max_mem >= 0, "max_mem", o.max_mem, "0 or more");
  const Samples& validation = o.validation_data;
  if (validation.x.empty() != validation.y.empty() || (!validation.x.empty() && validation.x[0].rows() == 0))
    throw Error(cat("validation_data have ", validation.y.empty() ? "no labels" : "no samples",
                    ": give both, or leave validation_data out"),
                Fault::usage);
  for (const CallbackHandle& callback : o.callbacks)
    if (callback.operator->() == nullptr) throw Error("one of the callbacks is a null pointer", Fault::usage);
}

int64_t validation_batch_size(const FitOptions& o) {
  return o.validation_batch_size > 0 ? o.validation_batch_size : o.batch_size;
}

using Stream = std::unique_ptr<BatchStream>;

class Fit {
 public:
  // Without `validation` no epoch validates.
  Fit(Model& model, TrainingState& training, const FitOptions& options, Stream data, Stream validation)
      : model_(model),
        training_(training),
        options_(options),
        data_(std::move(data)),
        validation_(std::move(validation)) {}

  History run() {
    const bool weighted = data_->has_weights() || (validation_ && validation_->has_weights());
    steps_ = &Steps::of(*model_.state(), training_, {weighted, options_.threads, global_seed()});
    steps_->limit_memory(options_.max_mem);
    const Interrupts interrupts;
    training_.stop = training_.interrupted = false;
    training_.epochs_before = 0;
    for (const CallbackHandle& c : options_.callbacks) c->on_train_begin(model_);
    const int first = options_.initial_epoch + static_cast<int>(training_.epochs_before);
    for (int epoch = first; epoch < options_.epochs && !training_.stop; ++epoch) run_epoch(epoch);
    for (const CallbackHandle& c : options_.callbacks) c->on_train_end(model_);
    history_.interrupted = interrupted != 0;
    return std::move(history_);
  }

 private:
  void run_epoch(int epoch) {
    for (const CallbackHandle& c : options_.callbacks) c->on_epoch_begin(model_, epoch);
    Progress progress(options_.verbose, data_->size().value_or(0));
    progress.begin_epoch(epoch, options_.epochs);
    Running running(training_);
    const int64_t done = train_batches(running, progress);
    Logs logs;
    running.write(logs, "");
    validate(epoch, logs);
    progress.end(done, logs);
    remember(epoch, logs, progress.seconds());
    ++training_.epoch;
    training_.interrupted = interrupted != 0;
    for (const CallbackHandle& c : options_.callbacks) c->on_epoch_end(model_, epoch, logs);
    if (interrupted != 0) training_.interrupted = training_.stop = true;
  }

  // Returns how many there were: fewer than an epoch has when training is stopped.
  int64_t train_batches(Running& running, Progress& progress) {
    data_->begin_epoch(training_.epoch);
    Logs logs;
    int64_t done = 0;
    while (!training_.stop && interrupted == 0) {
      const auto batch = data_->next();
      if (!batch) break;
      running.add(steps_->train(*batch), batch->count, *steps_);
      ++done;
      if (options_.callbacks.empty() && done % 16 != 0) continue;
      running.write(logs, "");
      progress.step(done, logs);
      for (const CallbackHandle& c : options_.callbacks) c->on_batch_end(model_, done - 1, logs);
    }
    return done;
  }

  void validate(int epoch, Logs& logs) {
    if (!validation_ || (epoch + 1) % options_.validation_freq != 0) return;
    Running running(training_);
    evaluate_all(*steps_, *validation_, running, nullptr);
    running.write(logs, "val_");
  }

  void remember(int epoch, const Logs& logs, double seconds) {
    history_.epoch.push_back(epoch);
    history_.seconds.push_back(seconds);
    for (const auto& [name, value] : logs) history_.history[name].push_back(value);
  }

  Model& model_;
  TrainingState& training_;
  const FitOptions& options_;
  Stream data_, validation_;
  Steps* steps_ = nullptr;
  History history_;
};

}  // namespace

History Model::fit(const Samples& data, const FitOptions& options) {
  TrainingState& training = compiled_training(*state_, "fit");
  check_options(options);
  const Split split = split_of(data, options);
  const auto batches = [&](const Samples& part, const ArrayList& weights, const ClassWeights& class_weight,
                           int64_t batch_size, bool shuffle, int64_t steps) {
    return std::make_unique<ArrayBatches>(source_of(*state_, training, part, weights, class_weight), batch_size, shuffle,
                                          steps);
  };
  Stream train = batches(split.training, split.training_weights, options.class_weight, options.batch_size, options.shuffle,
                         options.steps_per_epoch);
  Stream validation;
  if (!split.validation.x.empty())
    validation = batches(split.validation, split.validation_weights, {}, validation_batch_size(options), false, 0);
  if (options.validation_split > 0 && options.validation_data.x.empty()) warn_of_unseen_classes(training, split);
  return Fit(*this, training, options, std::move(train), std::move(validation)).run();
}

static void check_pipeline_options(const FitOptions& o) {
  check_options(o);
  if (o.validation_split != 0)
    throw Error("validation_split does not go with a pipeline, which has no last part; give fit() a pipeline to validate "
                "with",
                Fault::usage);
  if (!o.sample_weight.empty())
    throw Error("sample_weight does not go with a pipeline, whose samples come in an order of their own", Fault::usage);
}

History Model::fit(const Pipeline& data, const FitOptions& options) {
  TrainingState& training = compiled_training(*state_, "fit");
  check_pipeline_options(options);
  Stream validation;
  if (!options.validation_data.x.empty())
    validation = std::make_unique<ArrayBatches>(source_of(*state_, training, options.validation_data, {}, {}),
                                                validation_batch_size(options), false);
  auto train = std::make_unique<PipelineBatches>(
      data, options.batch_size, options.steps_per_epoch, !options.class_weight.empty(),
      [&](const Sample& sample) { return source_of(*state_, training, sample, {}, options.class_weight); });
  return Fit(*this, training, options, std::move(train), std::move(validation)).run();
}

History Model::fit(const Pipeline& data, const Pipeline& validation, const FitOptions& options) {
  TrainingState& training = compiled_training(*state_, "fit");
  check_pipeline_options(options);
  const auto batches = [&](const Pipeline& from, int64_t batch_size, int64_t steps,
                           const ClassWeights& class_weight) {
    return std::make_unique<PipelineBatches>(
        from, batch_size, steps, !class_weight.empty(),
        [this, &training, &class_weight](const Sample& sample) { return source_of(*state_, training, sample, {}, class_weight); });
  };
  static const std::map<int64_t, double> none;
  return Fit(*this, training, options, batches(data, options.batch_size, options.steps_per_epoch, options.class_weight),
             batches(validation, validation_batch_size(options), 0, none))
      .run();
}

}  // namespace cnnc::dsl

// Callbacks that decide how training goes on.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cnnc/model.h"
#include "ir/error.h"
#include "model/monitor.h"

namespace cnnc::dsl {

static std::map<std::string, Array> weights_of(const Model& model) {
  std::map<std::string, Array> weights;
  for (const std::string& name : model.weight_names()) weights[name] = model.weight(name);
  return weights;
}

// ---- EarlyStopping ---------------------------------------------------------------------------------------------------
void EarlyStopping::on_train_begin(Model&) {
  wait_ = stopped_epoch_ = 0;
  best_.reset();
  best_weights_.clear();
}

void EarlyStopping::on_epoch_end(Model& model, int epoch, const Logs& logs) {
  if (epoch < options_.start_from_epoch) return;
  const std::optional<double> value = monitored(logs, options_.monitor, "EarlyStopping");
  if (!value) return;
  ++wait_;
  if (improves(*value, best_, options_.mode, options_.monitor, options_.min_delta)) {
    best_ = value;
    if (options_.restore_best_weights) best_weights_ = weights_of(model);
    // A baseline that is not reached does not reset the patience.
    if (!options_.baseline || improves(*value, options_.baseline, options_.mode, options_.monitor, options_.min_delta))
      wait_ = 0;
    return;
  }
  if (wait_ < options_.patience || epoch == 0) return;
  stopped_epoch_ = epoch;
  model.stop_training();
}

void EarlyStopping::on_train_end(Model& model) {
  if (!best_) warn_of_nothing(options_.monitor, "EarlyStopping");
  for (const auto& [name, value] : best_weights_) model.set_weight(name, value);
}

// ---- learning rates --------------------------------------------------------------------------------------------------
ReduceLROnPlateau::ReduceLROnPlateau(ReduceLROnPlateauOptions options) : options_(std::move(options)) {
  if (options_.factor < 1) return;
  throw Error(cat("ReduceLROnPlateau: the factor is ", options_.factor, ", need one less than 1"), Fault::usage);
}

void ReduceLROnPlateau::on_train_begin(Model&) {
  wait_ = cooldown_ = 0;
  best_.reset();
}

void ReduceLROnPlateau::on_epoch_end(Model& model, int, const Logs& logs) {
  const std::optional<double> value = monitored(logs, options_.monitor, "ReduceLROnPlateau");
  if (!value) return;
  if (cooldown_ > 0) --cooldown_, wait_ = 0;
  if (improves(*value, best_, options_.mode, options_.monitor, options_.min_delta)) {
    best_ = value;
    wait_ = 0;
    return;
  }
  if (cooldown_ > 0 || ++wait_ < options_.patience || !(model.learning_rate() > options_.min_lr)) return;
  model.set_learning_rate(std::max(model.learning_rate() * options_.factor, options_.min_lr));
  cooldown_ = options_.cooldown;
  wait_ = 0;
}

void LearningRateScheduler::on_epoch_begin(Model& model, int epoch) {
  model.set_learning_rate(schedule_(epoch, model.learning_rate()));
}

// ---- TerminateOnNaN -------------------------------------------------------------------------------------------------
void TerminateOnNaN::on_batch_end(Model& model, int64_t step, const Logs& logs) {
  const auto loss = logs.find("loss");
  if (loss == logs.end() || std::isfinite(loss->second)) return;
  std::fprintf(stderr, "Batch %lld: Invalid loss, terminating training\n", static_cast<long long>(step));
  model.stop_training();
}

}  // namespace cnnc::dsl

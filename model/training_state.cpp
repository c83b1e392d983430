#include "model/training_state.h"

#include "ir/error.h"

namespace cnnc::dsl {

// ---- optimizers ------------------------------------------------------------------------------------------------------
static OptimizerOptions base(OptimizerKind kind, const Limits& limits) {
  OptimizerOptions o = OptimizerOptions::of(kind);
  o.weight_decay = limits.weight_decay;
  o.clip_norm = limits.clipnorm;
  o.global_clip_norm = limits.global_clipnorm;
  o.clip_value = limits.clipvalue;
  return o;
}

static OptimizerOptions options_of(const SGD& s) {
  OptimizerOptions o = base(OptimizerKind::sgd, s.limits);
  o.momentum = s.momentum;
  o.nesterov = s.nesterov;
  return o;
}

static OptimizerOptions options_of(const Adam& s) {
  OptimizerOptions o = base(OptimizerKind::adam, s.limits);
  o.beta1 = s.beta_1;
  o.beta2 = s.beta_2;
  o.epsilon = s.epsilon;
  return o;
}

static OptimizerOptions options_of(const AdamW& s) {
  OptimizerOptions o = base(OptimizerKind::adamw, s.limits);
  o.weight_decay = s.weight_decay;
  o.beta1 = s.beta_1;
  o.beta2 = s.beta_2;
  o.epsilon = s.epsilon;
  return o;
}

static OptimizerOptions options_of(const RMSprop& s) {
  OptimizerOptions o = base(OptimizerKind::rmsprop, s.limits);
  o.rho = s.rho;
  o.momentum = s.momentum;
  o.epsilon = s.epsilon;
  o.centered = s.centered;
  return o;
}

static OptimizerOptions options_of(const Adagrad& s) {
  OptimizerOptions o = base(OptimizerKind::adagrad, s.limits);
  o.initial_accumulator = s.initial_accumulator_value;
  o.epsilon = s.epsilon;
  return o;
}

// ---- losses ----------------------------------------------------------------------------------------------------------
static LossOptions loss_options(const SparseCategoricalCrossentropy& l) {
  return {cnnc::Loss::sparse_categorical_crossentropy, !l.from_logits, 0};
}
static LossOptions loss_options(const CategoricalCrossentropy& l) {
  return {cnnc::Loss::categorical_crossentropy, !l.from_logits, l.label_smoothing};
}
static LossOptions loss_options(const BinaryCrossentropy& l) {
  return {cnnc::Loss::binary_crossentropy, !l.from_logits, l.label_smoothing};
}
static LossOptions loss_options(const MeanSquaredError&) { return {cnnc::Loss::mse, false, 0}; }
static LossOptions loss_options(const MeanAbsoluteError&) { return {cnnc::Loss::mae, false, 0}; }
static LossOptions loss_options(const Huber& l) {
  if (l.delta != 1) throw Error(cat("Huber: delta is ", l.delta, ", only 1 is supported"), Fault::usage);
  return {cnnc::Loss::huber, false, 0};
}

TrainingOptions TrainingState::options() const {
  TrainingOptions options;
  options.loss = std::visit([](const auto& l) { return loss_options(l); }, loss);
  options.optimizer = std::visit([](const auto& o) { return options_of(o); }, optimizer);
  options.optimizer.learning_rate = learning_rate.at(step);
  return options;
}

TrainingState training_state(Optimizer optimizer, Loss loss, std::vector<Metric> metrics) {
  TrainingState state{std::move(optimizer), std::move(loss), std::move(metrics)};
  state.learning_rate = std::visit([](const auto& o) { return o.learning_rate; }, state.optimizer);
  const double rate = state.learning_rate.at(0);
  if (!(rate >= 0)) throw Error(cat("compile: the learning rate is ", rate, ", need a positive number"), Fault::usage);
  state.options();
  return state;
}

}  // namespace cnnc::dsl

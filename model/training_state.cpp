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
  o.amsgrad = s.amsgrad;
  return o;
}

static OptimizerOptions options_of(const AdamW& s) {
  OptimizerOptions o = base(OptimizerKind::adamw, s.limits);
  o.weight_decay = s.weight_decay;
  o.beta1 = s.beta_1;
  o.beta2 = s.beta_2;
  o.epsilon = s.epsilon;
  o.amsgrad = s.amsgrad;
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

static OptimizerOptions options_of(const Adadelta& s) {
  OptimizerOptions o = base(OptimizerKind::adadelta, s.limits);
  o.rho = s.rho;
  o.epsilon = s.epsilon;
  return o;
}

static OptimizerOptions options_of(const Adamax& s) {
  OptimizerOptions o = base(OptimizerKind::adamax, s.limits);
  o.beta1 = s.beta_1;
  o.beta2 = s.beta_2;
  o.epsilon = s.epsilon;
  return o;
}

static OptimizerOptions options_of(const Lion& s) {
  OptimizerOptions o = base(OptimizerKind::lion, s.limits);
  o.beta1 = s.beta_1;
  o.beta2 = s.beta_2;
  return o;
}

static void check_numbers(const OptimizerOptions& o) {
  const auto need = [](bool holds, const char* name, double value, const char* what) {
    if (!holds) throw Error(cat("compile: ", name, " is ", value, ", need ", what), Fault::usage);
  };
  need(o.beta1 >= 0 && o.beta1 < 1, "beta_1", o.beta1, "a number in [0, 1)");
  need(o.beta2 >= 0 && o.beta2 < 1, "beta_2", o.beta2, "a number in [0, 1)");
  need(o.rho >= 0 && o.rho < 1, "rho", o.rho, "a number in [0, 1)");
  need(o.momentum >= 0 && o.momentum <= 1, "momentum", o.momentum, "a number in [0, 1]");
  need(o.weight_decay >= 0, "weight_decay", o.weight_decay, "0 or more");
  for (const double limit : {o.clip_norm, o.global_clip_norm, o.clip_value})
    need(limit >= 0, "a limit of gradients", limit, "0 or more");
  if ((o.clip_norm > 0) + (o.global_clip_norm > 0) + (o.clip_value > 0) > 1)
    throw Error("compile: only one of clipnorm, global_clipnorm and clipvalue can be given", Fault::usage);
}

TrainingState training_state(const Optimizer& optimizer, std::vector<Target> targets) {
  TrainingState state;
  state.optimizer = std::visit([](const auto& o) { return options_of(o); }, optimizer);
  check_numbers(state.optimizer);
  state.targets = std::move(targets);
  state.learning_rate = std::visit([](const auto& o) { return o.learning_rate; }, optimizer);
  const double rate = state.learning_rate.at(0);
  if (!(rate >= 0)) throw Error(cat("compile: the learning rate is ", rate, ", need a positive number"), Fault::usage);
  return state;
}

}  // namespace cnnc::dsl

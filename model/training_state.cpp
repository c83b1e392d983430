#include "model/training_state.h"

#include <iterator>

#include "ir/error.h"

namespace cnnc::dsl {

// ---- optimizers ------------------------------------------------------------------------------------------------------
// In the order of the variant Optimizer.
static constexpr OptimizerKind kKinds[] = {OptimizerKind::sgd,     OptimizerKind::adam,     OptimizerKind::adamw,
                                           OptimizerKind::rmsprop, OptimizerKind::adagrad,  OptimizerKind::adadelta,
                                           OptimizerKind::adamax,  OptimizerKind::lion};
static_assert(std::size(kKinds) == std::variant_size_v<Optimizer>);

// The numbers that this optimizer has; the others keep the kind's defaults.
template <typename Description>
static OptimizerOptions options_of(OptimizerKind kind, const Description& d) {
  OptimizerOptions o = OptimizerOptions::of(kind);
  o.clip_norm = d.limits.clipnorm;
  o.global_clip_norm = d.limits.global_clipnorm;
  o.clip_value = d.limits.clipvalue;
  o.weight_decay = d.limits.weight_decay;
  if constexpr (requires { d.weight_decay; }) o.weight_decay = d.weight_decay;
  if constexpr (requires { d.momentum; }) o.momentum = d.momentum;
  if constexpr (requires { d.nesterov; }) o.nesterov = d.nesterov;
  if constexpr (requires { d.beta_1; }) o.beta1 = d.beta_1, o.beta2 = d.beta_2;
  if constexpr (requires { d.epsilon; }) o.epsilon = d.epsilon;
  if constexpr (requires { d.amsgrad; }) o.amsgrad = d.amsgrad;
  if constexpr (requires { d.rho; }) o.rho = d.rho;
  if constexpr (requires { d.centered; }) o.centered = d.centered;
  if constexpr (requires { d.dampening; }) o.dampening = d.dampening;
  if constexpr (requires { d.convention; }) o.convention = to_compiler(d.convention);
  if constexpr (requires { d.initial_accumulator_value; }) o.initial_accumulator = d.initial_accumulator_value;
  return o;
}

TrainingState training_state(const Optimizer& optimizer, std::vector<Target> targets) {
  TrainingState state;
  state.optimizer = std::visit([&](const auto& o) { return options_of(kKinds[optimizer.index()], o); }, optimizer);
  state.optimizer.learning_rate = 0;  // each step is given its own
  check_numbers(state.optimizer);
  state.targets = std::move(targets);
  state.learning_rate = std::visit([](const auto& o) { return o.learning_rate; }, optimizer);
  const double rate = state.learning_rate.at(0);
  if (!(rate >= 0)) throw Error(cat("compile: the learning rate is ", rate, ", need a positive number"), Fault::usage);
  return state;
}

}  // namespace cnnc::dsl

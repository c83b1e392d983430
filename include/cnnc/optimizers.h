// Optimizers and learning rates. Names and defaults are Keras 3's; so are the formulae, unless PyTorch's are chosen
// (docs/formulae.md has both). PyTorch's convention of an optimizer holds
// for BatchNormalization's running variance too.
#pragma once
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "cnnc/convention.h"

namespace cnnc::dsl {

// ---- learning rates --------------------------------------------------------------------------------------------------
// Of step t, counted from 0 over all epochs.
struct ExponentialDecay { double initial, decay_steps, decay_rate; bool staircase = false; };
// From `initial` to alpha * initial in decay_steps. With warm-up: first from `initial` to warmup_target in warmup_steps,
// from where the cosine then begins.
struct CosineDecay { double initial, decay_steps, alpha = 0, warmup_target = 0, warmup_steps = 0; };
struct InverseTimeDecay { double initial, decay_steps, decay_rate; bool staircase = false; };
// From `initial` to `end` in decay_steps along a curve of this power; with cycle the decay takes as many times
// decay_steps as have begun.
struct PolynomialDecay { double initial, decay_steps, end = 1e-4, power = 1; bool cycle = false; };
// Cosines one after the other, each t_mul times as long and beginning at m_mul times the rate of the one before.
struct CosineDecayRestarts { double initial, first_decay_steps, t_mul = 2, m_mul = 1, alpha = 0; };
// values[i] up to and including step boundaries[i], the last one beyond.
struct PiecewiseConstant { std::vector<double> boundaries, values; };

class LearningRate {
 public:
  LearningRate(double fixed) : schedule_(fixed) {}
  LearningRate(ExponentialDecay s) : schedule_(s) {}
  LearningRate(CosineDecay s) : schedule_(s) {}
  LearningRate(InverseTimeDecay s) : schedule_(s) {}
  LearningRate(PolynomialDecay s) : schedule_(s) {}
  LearningRate(CosineDecayRestarts s) : schedule_(s) {}
  LearningRate(PiecewiseConstant s) : schedule_(std::move(s)) {}
  double at(int64_t step) const;
  bool is_fixed() const { return std::holds_alternative<double>(schedule_); }

 private:
  std::variant<double, ExponentialDecay, CosineDecay, InverseTimeDecay, PolynomialDecay, CosineDecayRestarts,
               PiecewiseConstant>
      schedule_;
};

// ---- optimizers ------------------------------------------------------------------------------------------------------
// What every optimizer may do to gradients and weights first; 0 is off. Only one of the three limits may be given.
struct Limits {
  double weight_decay = 0;  // Keras: w -= rate * decay * w first; PyTorch, but for AdamW: gradient += decay * w
  double clipnorm = 0, global_clipnorm = 0, clipvalue = 0;
};
// Keras: v = momentum v - rate g, w += v. PyTorch: v = momentum v + (1 - dampening) g, w -= rate v.
struct SGD {
  LearningRate learning_rate = 0.01; double momentum = 0; bool nesterov = false; Limits limits = {};
  Convention convention = Convention::keras;
  double dampening = 0;  // PyTorch's only
};
// Keras: rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon). PyTorch: the corrected moments,
// rate (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon).
struct Adam {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  bool amsgrad = false;
  Limits limits = {};
  Convention convention = Convention::keras;
};
struct AdamW {
  LearningRate learning_rate = 0.001;
  double weight_decay = 0.004, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  bool amsgrad = false;
  Limits limits = {};
  Convention convention = Convention::keras;
};
// Keras divides by sqrt(v + epsilon), PyTorch by sqrt(v) + epsilon; Keras's momentum sums up steps, PyTorch's what the
// rate then multiplies.
struct RMSprop {
  LearningRate learning_rate = 0.001; double rho = 0.9, momentum = 0, epsilon = 1e-7; bool centered = false;
  Limits limits = {};
  Convention convention = Convention::keras;
};
// Keras divides by sqrt(sum + epsilon), PyTorch by sqrt(sum) + epsilon.
struct Adagrad {
  LearningRate learning_rate = 0.001; double initial_accumulator_value = 0.1, epsilon = 1e-7; Limits limits = {};
  Convention convention = Convention::keras;
};
struct Adadelta {
  LearningRate learning_rate = 0.001; double rho = 0.95, epsilon = 1e-7; Limits limits = {};
  Convention convention = Convention::keras;
};
// Keras divides by max(beta_2 u, |g|) + epsilon, PyTorch by max(beta_2 u, |g| + epsilon).
struct Adamax {
  LearningRate learning_rate = 0.001; double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7; Limits limits = {};
  Convention convention = Convention::keras;
};
struct Lion { LearningRate learning_rate = 0.001; double beta_1 = 0.9, beta_2 = 0.99; Limits limits = {}; };
using Optimizer = std::variant<SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adamax, Lion>;

}  // namespace cnnc::dsl

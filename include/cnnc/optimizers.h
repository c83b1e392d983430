// Optimizers and learning rates. Names, formulae and defaults are Keras 3's.
#pragma once
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

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
  double weight_decay = 0;  // decoupled: w -= rate * decay * w
  double clipnorm = 0, global_clipnorm = 0, clipvalue = 0;
};
struct SGD { LearningRate learning_rate = 0.01; double momentum = 0; bool nesterov = false; Limits limits = {}; };
struct Adam {
  LearningRate learning_rate = 0.001;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  bool amsgrad = false;
  Limits limits = {};
};
struct AdamW {
  LearningRate learning_rate = 0.001;
  double weight_decay = 0.004, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  bool amsgrad = false;
  Limits limits = {};
};
struct RMSprop {
  LearningRate learning_rate = 0.001; double rho = 0.9, momentum = 0, epsilon = 1e-7; bool centered = false;
  Limits limits = {};
};
struct Adagrad {
  LearningRate learning_rate = 0.001; double initial_accumulator_value = 0.1, epsilon = 1e-7; Limits limits = {};
};
struct Adadelta { LearningRate learning_rate = 0.001; double rho = 0.95, epsilon = 1e-7; Limits limits = {}; };
struct Adamax {
  LearningRate learning_rate = 0.001; double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7; Limits limits = {};
};
struct Lion { LearningRate learning_rate = 0.001; double beta_1 = 0.9, beta_2 = 0.99; Limits limits = {}; };
using Optimizer = std::variant<SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adamax, Lion>;

}  // namespace cnnc::dsl

// Schedules of the learning rate, with Keras' formulae.
#include <algorithm>
#include <cmath>

#include "cnnc/training.h"
#include "ir/error.h"

namespace cnnc::dsl {

static double rate_of(double fixed, double) { return fixed; }

static double rate_of(const ExponentialDecay& s, double step) {
  const double power = step / s.decay_steps;
  return s.initial * std::pow(s.decay_rate, s.staircase ? std::floor(power) : power);
}

static double rate_of(const CosineDecay& s, double step) {
  const double done = std::min(step, s.decay_steps) / s.decay_steps;
  return s.initial * ((1 - s.alpha) * 0.5 * (1 + std::cos(M_PI * done)) + s.alpha);
}

static double rate_of(const InverseTimeDecay& s, double step) {
  return s.initial / (1 + s.decay_rate * step / s.decay_steps);
}

static double rate_of(const PiecewiseConstant& s, double step) {
  if (s.values.size() != s.boundaries.size() + 1)
    throw Error(cat("PiecewiseConstant: ", s.boundaries.size(), " boundaries need ", s.boundaries.size() + 1,
                    " values, there are ", s.values.size()),
                Fault::usage);
  size_t i = 0;
  while (i < s.boundaries.size() && step > s.boundaries[i]) ++i;
  return s.values[i];
}

double LearningRate::at(int64_t step) const {
  return std::visit([&](const auto& schedule) { return rate_of(schedule, static_cast<double>(step)); }, schedule_);
}

}  // namespace cnnc::dsl

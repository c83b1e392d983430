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

// Half a cosine from 1 to alpha.
static double cosine(double done, double alpha) { return (1 - alpha) * 0.5 * (1 + std::cos(M_PI * done)) + alpha; }

static double rate_of(const CosineDecay& s, double step) {
  if (s.warmup_steps > 0 && step < s.warmup_steps)
    return s.initial + (s.warmup_target - s.initial) * step / s.warmup_steps;
  const double begin = s.warmup_steps > 0 ? s.warmup_target : s.initial;
  return begin * cosine(std::min(step - s.warmup_steps, s.decay_steps) / s.decay_steps, s.alpha);
}

static double rate_of(const InverseTimeDecay& s, double step) {
  const double done = step / s.decay_steps;
  return s.initial / (1 + s.decay_rate * (s.staircase ? std::floor(done) : done));
}

static double rate_of(const PolynomialDecay& s, double step) {
  const double times = s.cycle ? std::max(1.0, std::ceil(step / s.decay_steps)) : 1;
  const double all = s.decay_steps * times, done = std::min(step, all) / all;
  return (s.initial - s.end) * std::pow(1 - done, s.power) + s.end;
}

static double rate_of(const CosineDecayRestarts& s, double step) {
  double length = s.first_decay_steps, height = 1;
  for (; step >= length; length *= s.t_mul, height *= s.m_mul) step -= length;
  return s.initial * ((1 - s.alpha) * height * cosine(step / length, 0) + s.alpha);
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

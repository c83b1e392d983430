// Schedules of the learning rate: the runtime has the formulae.
#include "runtime/training/learning_rate.h"

#include <algorithm>
#include <cmath>

#include "cnnc/training.h"
#include "ir/error.h"

namespace cnnc::dsl {

using Rate = cnnc::LearningRate;

static Rate rate_of(double fixed) {
  Rate rate;
  rate.initial = fixed;
  return rate;
}

// Schedules as the runtime has them; some set `step` back, to count from where a part of the schedule begins.
static Rate rate_of(double fixed, int64_t&) { return rate_of(fixed); }

static void require_steps(const char* schedule, const char* name, double steps) {
  if (steps > 0) return;
  throw Error(cat(schedule, ": ", name, " is ", steps, ", need a positive number"), Fault::usage);
}

static Rate rate_of(const ExponentialDecay& s, int64_t&) {
  require_steps("ExponentialDecay", "decay_steps", s.decay_steps);
  Rate rate = rate_of(s.initial);
  rate.decay = Decay::exponential;
  rate.decay_steps = s.decay_steps;
  rate.decay_rate = s.decay_rate;
  rate.staircase = s.staircase;
  return rate;
}

static Rate polynomial(double initial, double end, double decay_steps, double power) {
  Rate rate = rate_of(initial);
  rate.decay = Decay::polynomial;
  rate.decay_steps = decay_steps;
  rate.end = end;
  rate.power = power;
  return rate;
}

static Rate cosine(double initial, double decay_steps, double alpha) {
  Rate rate = rate_of(initial);
  rate.decay = Decay::cosine;
  rate.decay_steps = decay_steps;
  rate.alpha = alpha;
  return rate;
}

static Rate rate_of(const CosineDecay& s, int64_t& step) {
  require_steps("CosineDecay", "decay_steps", s.decay_steps);
  if (s.warmup_steps <= 0) return cosine(s.initial, s.decay_steps, s.alpha);
  if (static_cast<double>(step) < s.warmup_steps) return polynomial(s.initial, s.warmup_target, s.warmup_steps, 1);
  step -= static_cast<int64_t>(s.warmup_steps);
  return cosine(s.warmup_target, s.decay_steps, s.alpha);
}

static Rate rate_of(const PolynomialDecay& s, int64_t& step) {
  require_steps("PolynomialDecay", "decay_steps", s.decay_steps);
  const double rounds = std::ceil(static_cast<double>(step) / s.decay_steps);
  return polynomial(s.initial, s.end, s.decay_steps * (s.cycle ? std::max(1.0, rounds) : 1), s.power);
}

// Each round begins at alpha and its height above that.
static Rate rate_of(const CosineDecayRestarts& s, int64_t& step) {
  require_steps("CosineDecayRestarts", "first_decay_steps", s.first_decay_steps);
  double length = s.first_decay_steps, height = 1 - s.alpha;
  for (; static_cast<double>(step) >= length && length >= 1; length *= s.t_mul, height *= s.m_mul)
    step -= static_cast<int64_t>(length);
  return cosine(s.initial * (height + s.alpha), length, s.alpha / (height + s.alpha));
}

static Rate rate_of(const InverseTimeDecay& s, int64_t& step) {
  require_steps("InverseTimeDecay", "decay_steps", s.decay_steps);
  if (s.staircase) step -= step % std::max<int64_t>(1, static_cast<int64_t>(s.decay_steps));
  Rate rate = rate_of(s.initial);
  rate.decay = Decay::inverse_time;
  rate.decay_steps = s.decay_steps;
  rate.decay_rate = s.decay_rate;
  return rate;
}

static Rate rate_of(const PiecewiseConstant& s, int64_t&) {
  if (s.values.size() != s.boundaries.size() + 1)
    throw Error(cat("PiecewiseConstant: ", s.boundaries.size(), " boundaries need ", s.boundaries.size() + 1,
                    " values, there are ", s.values.size()),
                Fault::usage);
  if (s.boundaries.size() > Rate::kMostBoundaries)
    throw Error(cat("PiecewiseConstant: ", s.boundaries.size(), " boundaries are too many, at most ",
                    int{Rate::kMostBoundaries}),
                Fault::usage);
  if (!std::is_sorted(s.boundaries.begin(), s.boundaries.end()))
    throw Error("PiecewiseConstant: the boundaries must ascend", Fault::usage);
  Rate rate;
  rate.decay = Decay::piecewise;
  rate.boundary_count = static_cast<int32_t>(s.boundaries.size());
  std::copy(s.boundaries.begin(), s.boundaries.end(), rate.boundaries);
  std::copy(s.values.begin(), s.values.end(), rate.values);
  return rate;
}

double LearningRate::at(int64_t step) const {
  return std::visit([&](const auto& schedule) { return rate_of(schedule, step).at(step); }, schedule_);
}

}  // namespace cnnc::dsl

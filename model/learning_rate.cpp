// Schedules of the learning rate: the runtime has the formulae.
#include "runtime/training/learning_rate.h"

#include <algorithm>

#include "cnnc/training.h"
#include "ir/error.h"

namespace cnnc::dsl {

using Rate = cnnc::LearningRate;

static Rate rate_of(double fixed) {
  Rate rate;
  rate.initial = fixed;
  return rate;
}

static Rate rate_of(const ExponentialDecay& s) {
  Rate rate = rate_of(s.initial);
  rate.decay = Decay::exponential;
  rate.decay_steps = s.decay_steps;
  rate.decay_rate = s.decay_rate;
  rate.staircase = s.staircase;
  return rate;
}

static Rate rate_of(const CosineDecay& s) {
  Rate rate = rate_of(s.initial);
  rate.decay = Decay::cosine;
  rate.decay_steps = s.decay_steps;
  rate.alpha = s.alpha;
  return rate;
}

static Rate rate_of(const InverseTimeDecay& s) {
  Rate rate = rate_of(s.initial);
  rate.decay = Decay::inverse_time;
  rate.decay_steps = s.decay_steps;
  rate.decay_rate = s.decay_rate;
  return rate;
}

static Rate rate_of(const PiecewiseConstant& s) {
  if (s.values.size() != s.boundaries.size() + 1)
    throw Error(cat("PiecewiseConstant: ", s.boundaries.size(), " boundaries need ", s.boundaries.size() + 1,
                    " values, there are ", s.values.size()),
                Fault::usage);
  if (s.boundaries.size() > Rate::kMostBoundaries)
    throw Error(cat("PiecewiseConstant: ", s.boundaries.size(), " boundaries are too many, at most ",
                    int{Rate::kMostBoundaries}),
                Fault::usage);
  Rate rate;
  rate.decay = Decay::piecewise;
  rate.boundary_count = static_cast<int32_t>(s.boundaries.size());
  std::copy(s.boundaries.begin(), s.boundaries.end(), rate.boundaries);
  std::copy(s.values.begin(), s.values.end(), rate.values);
  return rate;
}

double LearningRate::at(int64_t step) const {
  return std::visit([&](const auto& schedule) { return rate_of(schedule).at(step); }, schedule_);
}

}  // namespace cnnc::dsl

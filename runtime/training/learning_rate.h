// How the learning rate changes from step to step.
#ifndef RUNTIME_TRAINING_LEARNING_RATE_H_
#define RUNTIME_TRAINING_LEARNING_RATE_H_

#include <stdint.h>

#include "runtime/error_text.h"

namespace cnnc {

enum class Decay : int32_t {
  none,
  exponential,
  cosine,
  inverse_time,
  polynomial,
  piecewise,
  step
};

// Plain data, so that a compiled trainer can carry it. Steps count from 0.
struct LearningRate {
  static constexpr int32_t kMostBoundaries = 32;

  Decay decay = Decay::none;
  double initial = 0.01;
  // The rate grows linearly to its initial value during these steps; the decay counts from their
  // end.
  double warmup_steps = 0;
  double decay_steps = 1, decay_rate = 1;
  bool staircase = false;        // exponential: the rate falls at every decay_steps only
  double alpha = 0;              // cosine: least rate, as a part of the initial one
  double end = 0, power = 1;     // polynomial: the rate after decay_steps, and the curve's power
  int32_t boundary_count = 0;    // piecewise: values[i] up to and with step boundaries[i]
  double boundaries[kMostBoundaries] = {};
  double values[kMostBoundaries + 1] = {};

  // "cosine,decay_steps=100,warmup_steps=10": a kind and KEY=VALUE, the names being those above but
  // for "step,step_size=,gamma=" and "piecewise,boundaries=2:5,values=a:b:c". The empty text is a
  // constant rate. False with a message when it says something else.
  bool parse(const char* text, ErrorText* error);

  double at(int64_t step) const;
};

} // namespace cnnc

#endif // RUNTIME_TRAINING_LEARNING_RATE_H_

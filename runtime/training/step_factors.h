// Numbers of an optimiser's formula that change from step to step, beside the learning rate.
#ifndef RUNTIME_TRAINING_STEP_FACTORS_H_
#define RUNTIME_TRAINING_STEP_FACTORS_H_

#include <stdint.h>

namespace cnnc {

// Of step t, counted from 1.
enum class StepFactor : int32_t {
  bias_correction,   // sqrt(1 - beta2^t) / (1 - beta1^t)
  second_correction, // sqrt(1 - beta2^t)
  undampened,        // 1 in the first step, then 1 - dampening
};

// Plain data, so that a compiled trainer can carry it.
struct StepFactors {
  static constexpr int32_t kMost = 2;

  int32_t count = 0;
  StepFactor kinds[kMost] = {};
  double beta1 = 0, beta2 = 0, dampening = 0;

  // `steps`: how many were done before.
  float at(int32_t index, int64_t steps) const;
};

} // namespace cnnc

#endif // RUNTIME_TRAINING_STEP_FACTORS_H_

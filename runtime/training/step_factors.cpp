#include "runtime/training/step_factors.h"

#include <math.h>

namespace cnnc {

float StepFactors::at(int32_t index, int64_t steps) const {
  const double t = static_cast<double>(steps) + 1;
  switch (kinds[index]) {
    case StepFactor::bias_correction:
      return static_cast<float>(sqrt(1 - pow(beta2, t)) / (1 - pow(beta1, t)));
    case StepFactor::second_correction: return static_cast<float>(sqrt(1 - pow(beta2, t)));
    case StepFactor::undampened: return static_cast<float>(steps == 0 ? 1 : 1 - dampening);
  }
  return 1;
}

} // namespace cnnc

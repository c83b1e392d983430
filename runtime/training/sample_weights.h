// Weights of samples by their class.
#ifndef RUNTIME_TRAINING_SAMPLE_WEIGHTS_H_
#define RUNTIME_TRAINING_SAMPLE_WEIGHTS_H_

#include <stdint.h>

#include "runtime/training/batches.h"

namespace cnnc {

struct ClassWeight {
  int64_t label;
  double weight;
};

// Multiplies `weights`, one for each sample, for the samples of this class. Labels are class numbers,
// or rows of which the greatest element is the class. False when there is no such sample.
bool weigh_by_class(const cnnc_tensor_view& labels, const ClassWeight& of_class, float* weights);

} // namespace cnnc

#endif // RUNTIME_TRAINING_SAMPLE_WEIGHTS_H_

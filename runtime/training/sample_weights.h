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

// Multiplies `weights`, one for each sample, by that of the sample's class. Labels are class
// numbers, or rows of which the greatest element is the class.
void weigh_by_class(const cnnc_tensor_view& labels, const ClassWeight* classes, int32_t count,
                    float* weights);

} // namespace cnnc

#endif // RUNTIME_TRAINING_SAMPLE_WEIGHTS_H_

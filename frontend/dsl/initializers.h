// First values of weights.
#pragma once
#include "cnnc/initializers.h"
#include "runtime/tensor.h"

namespace cnnc::dsl {

// `inputs` and `outputs` are how many numbers an output comes from and an input goes to.
struct Fans {
  double inputs = 1, outputs = 1;
};
// Of a kernel as layers lay them out: [inputs, outputs], or [outputs, inputs, spatial...] of convolutions.
Fans fans_of(const cnnc::Shape& shape);

cnnc::Tensor initial_values(const Initializer& initializer, const cnnc::Shape& shape);

}  // namespace cnnc::dsl

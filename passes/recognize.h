// The families of rewrites that find operators which exporters wrote in pieces.
#pragma once
#include <vector>

#include "passes/rewrite.h"

namespace cnnc {

// Gelu, Swish, HardSwish, HardSigmoid, Mish: products of x and a function of x.
std::vector<Rewrite> gate_rewrites();
// Sigmoid and Softplus.
std::vector<Rewrite> exponential_rewrites();
// LayerNormalization, RMSNormalization and Softmax.
std::vector<Rewrite> normalization_rewrites();

}  // namespace cnnc

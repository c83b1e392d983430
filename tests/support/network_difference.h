// How the results of whole networks are compared.
#pragma once
#include <string>

#include "runtime/tensor.h"

namespace cnnc {

// Empty when the tensors agree within 1e-3 of each element or 1e-4 of the greatest one: what sums in
// other orders make of whole networks; integers exactly. Otherwise says where and how they differ most.
// Where sums cancel out, `scale` says how large their terms are.
std::string network_difference(const Tensor& expected, const Tensor& actual, double scale = 0);

}  // namespace cnnc

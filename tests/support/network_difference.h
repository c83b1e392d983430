// How the results of whole networks are compared.
#pragma once
#include <string>

#include "runtime/tensor.h"

namespace cnnc {

// Empty when the tensors agree within 1e-3 of each element or 1e-4 of the greatest one: what sums in
// other orders make of whole networks; integers exactly. Otherwise says where and how they differ most.
std::string network_difference(const Tensor& expected, const Tensor& actual);

}  // namespace cnnc

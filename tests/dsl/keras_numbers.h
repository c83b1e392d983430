// What tests share that compare with numbers which Keras computed.
#pragma once
#include <cmath>
#include <functional>

#include "cnnc/cnnc.h"

namespace keras_numbers {

using namespace cnnc;

// Numbers that are easily made elsewhere too.
inline Array numbers(Shape shape, double step, double scale) {
  Array array = Array::zeros<float>(std::move(shape));
  for (int64_t i = 0; i < array.size(); ++i)
    array.mutable_data<float>()[i] = static_cast<float>(scale * std::sin(step * static_cast<double>(i + 1)));
  return array;
}

// One number that depends on every element and its place.
inline double digest(const std::function<double(int64_t)>& at, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += at(i) * std::cos(0.5 * static_cast<double>(i));
  return sum;
}

}  // namespace keras_numbers

// Data for small models, and a small task that a small network learns.
#pragma once
#include <cmath>

#include "cnnc/cnnc.h"

// Numbers from -1 to 1, others for each `step`.
inline cnnc::Array numbers(cnnc::Shape shape, double step) {
  cnnc::Array array = cnnc::Array::zeros<float>(std::move(shape));
  for (int64_t i = 0; i < array.size(); ++i)
    array.mutable_data<float>()[i] = static_cast<float>(std::sin(step * static_cast<double>(i + 1)));
  return array;
}

// Points in the plane, and whether they lie above a line.
inline cnnc::Dataset points(int64_t count) {
  cnnc::Array x = cnnc::Array::zeros<float>({count, 2}), y = cnnc::Array::zeros<int32_t>({count});
  float* p = x.mutable_data<float>();
  int32_t* label = y.mutable_data<int32_t>();
  for (int64_t i = 0; i < count; ++i) {
    p[2 * i] = std::sin(static_cast<float>(i) * 1.7f);
    p[2 * i + 1] = std::cos(static_cast<float>(i) * 2.9f);
    label[i] = p[2 * i] + 2 * p[2 * i + 1] > 0.3f;
  }
  return {x, y};
}

// Compiled, with the same weights at each call.
inline cnnc::Model classifier() {
  cnnc::set_random_seed(3);
  cnnc::Sequential model({cnnc::Input({2}), cnnc::Dense(8, cnnc::tanh), cnnc::Dense(2)});
  model.compile(cnnc::Adam{.learning_rate = 0.05}, cnnc::SparseCategoricalCrossentropy{.from_logits = true}, {cnnc::Accuracy{}});
  return model;
}

inline cnnc::FitOptions quiet(int epochs) { return {.epochs = epochs, .verbose = cnnc::Verbose::silent}; }

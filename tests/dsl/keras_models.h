// Whole models against numbers that Keras computed: outputs, gradients, and the losses of steps.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/dsl/keras_numbers.h"

namespace keras_numbers {

// Weights of these layers become the same numbers as there.
inline void set_numbers(const std::vector<Layer>& layers) {
  int k = 0;
  for (const Layer& layer : layers) {
    Arrays weights;
    for (const Array& w : layer.weights()) weights.push_back(numbers(w.shape(), 0.3 + 0.1 * k++, 0.5));
    layer.set_weights(weights);
  }
}

// In Keras' order; a GRU's two biases are one there.
inline std::vector<std::vector<double>> weights_of(const std::vector<Layer>& layers) {
  std::vector<std::vector<double>> all;
  for (const Layer& layer : layers) {
    const Arrays weights = layer.weights();
    for (size_t k = 0; k < weights.size(); ++k) {
      if (layer.type() != "GRU" || k != 3) all.emplace_back();
      for (int64_t i = 0; i < weights[k].size(); ++i) all.back().push_back(weights[k].at(i));
    }
  }
  return all;
}

struct Expected {
  std::vector<double> outputs, gradients, losses;
};

inline void expect_close(double found, double expected, const char* what, size_t number) {
  EXPECT_NEAR(found, expected, 2e-5 * std::max(1.0, std::abs(expected))) << what << " " << number;
}

// Steps of size 1, of which the first one shows the gradients.
inline void expect_as_keras(Model& model, const std::vector<Layer>& layers, const Arrays& x, const Arrays& y, const Expected& expected,
                     const BatchOptions& options = {}) {
  const Arrays outputs = model.predict(x);
  ASSERT_EQ(outputs.size(), expected.outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i)
    expect_close(digest([&](int64_t k) { return outputs[i].at(k); }, outputs[i].size()), expected.outputs[i], "output", i);
  const auto before = weights_of(layers);
  ASSERT_EQ(before.size(), expected.gradients.size());
  expect_close(model.train_on_batch(x, y, options)[0], expected.losses[0], "step", 0);
  const auto after = weights_of(layers);
  for (size_t i = 0; i < before.size(); ++i) {
    const auto moved = [&](int64_t k) { return before[i][static_cast<size_t>(k)] - after[i][static_cast<size_t>(k)]; };
    expect_close(digest(moved, static_cast<int64_t>(before[i].size())), expected.gradients[i], "weight", i);
  }
  for (size_t i = 1; i < expected.losses.size(); ++i)
    expect_close(model.train_on_batch(x, y, options)[0], expected.losses[i], "step", i);
}

inline Array filled(const Shape& shape, float value) {
  Array array = Array::zeros<float>(shape);
  for (int64_t i = 0; i < array.size(); ++i) array.mutable_data<float>()[i] = value;
  return array;
}

}  // namespace keras_numbers

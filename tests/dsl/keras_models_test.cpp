// Whole models against numbers that Keras 3.15 computed: outputs, gradients, and the losses of steps.
#include <gtest/gtest.h>

#include "tests/dsl/keras_numbers.h"

using namespace cnnc;
using keras_numbers::digest;
using keras_numbers::numbers;

namespace {

// Weights of these layers become the same numbers as there.
void set_numbers(const std::vector<Layer>& layers) {
  int k = 0;
  for (const Layer& layer : layers) {
    Arrays weights;
    for (const Array& w : layer.weights()) weights.push_back(numbers(w.shape(), 0.3 + 0.1 * k++, 0.5));
    layer.set_weights(weights);
  }
}

// In Keras' order; a GRU's two biases are one there.
std::vector<std::vector<double>> weights_of(const std::vector<Layer>& layers) {
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

#define EXPECT_CLOSE(found, expected) EXPECT_NEAR(found, expected, 2e-5 * std::max(1.0, std::abs(expected)))

// Steps of size 1, of which the first one shows the gradients.
void expect_as_keras(Model& model, const std::vector<Layer>& layers, const Arrays& x, const Arrays& y, const Expected& expected,
                     const BatchOptions& options = {}) {
  const Arrays outputs = model.predict(x);
  ASSERT_EQ(outputs.size(), expected.outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i)
    EXPECT_CLOSE(digest([&](int64_t k) { return outputs[i].at(k); }, outputs[i].size()), expected.outputs[i]) << "output " << i;
  const auto before = weights_of(layers);
  ASSERT_EQ(before.size(), expected.gradients.size());
  EXPECT_CLOSE(model.train_on_batch(x, y, options)[0], expected.losses[0]);
  const auto after = weights_of(layers);
  for (size_t i = 0; i < before.size(); ++i) {
    const auto moved = [&](int64_t k) { return before[i][static_cast<size_t>(k)] - after[i][static_cast<size_t>(k)]; };
    EXPECT_CLOSE(digest(moved, static_cast<int64_t>(before[i].size())), expected.gradients[i]) << "weight " << i;
  }
  for (size_t i = 1; i < expected.losses.size(); ++i)
    EXPECT_CLOSE(model.train_on_batch(x, y, options)[0], expected.losses[i]) << "step " << i;
}

Array filled(const Shape& shape, float value) {
  Array array = Array::zeros<float>(shape);
  for (int64_t i = 0; i < array.size(); ++i) array.mutable_data<float>()[i] = value;
  return array;
}

// ---- states ----------------------------------------------------------------------------------------------------------
// The encoder's states are those that the decoder begins with.
template <typename Recurrent>
void expect_sequence_to_sequence(const Expected& expected) {
  const Tensor x = input({4, 5}), y = input({3, 2});
  const Recurrent encoder(3, {.return_state = true}), decoder(3, {.return_sequences = true, .return_state = true});
  const Dense head(2);
  Tensors states = encoder.outputs(x);
  states[0] = y;
  Tensors outputs = decoder.outputs(states);
  outputs[0] = head(outputs[0]);
  Model model({x, y}, outputs);
  const std::vector<Layer> layers{encoder, decoder, head};
  set_numbers(layers);
  std::vector<OutputGoal> goals(outputs.size(), {.loss = MeanSquaredError{}});
  model.compile(SGD{.learning_rate = 1}, goals);
  Arrays labels{Array::zeros<float>({3, 3, 2})};
  for (size_t i = 1; i < outputs.size(); ++i) labels.push_back(filled({3, 3}, 1));
  expect_as_keras(model, layers, {numbers({3, 4, 5}, 0.7, 1), numbers({3, 3, 2}, 0.9, 1)}, labels, expected);
}

TEST(KerasModels, LstmsHandOnTheirStates) {
  expect_sequence_to_sequence<LSTM>({{0.551152, 0.268091, 0.564762},
                                     {0.078247, -0.095819, 0.289435, 0.774454, -1.00174, 1.965912, -0.165579, 0.584341},
                                     {2.29098, 0.87709, 0.645151}});
}

TEST(KerasModels, GrusHandOnTheirStates) {
  expect_sequence_to_sequence<GRU>({{0.747416, 0.118367},
                                    {-0.004842, -0.005518, 0.140615, -0.199957, -0.173071, 1.201547, -0.110973, 0.651312},
                                    {0.737748, 0.317585, 0.207883}});
}

TEST(KerasModels, StatesOfBackwardLayers) {
  const Tensor x = input({4, 5}), h = input({3});
  const GRU layer(3, {.return_sequences = true, .return_state = true, .go_backwards = true});
  Model model({x, h}, layer.outputs({x, h}));
  set_numbers({layer});
  model.compile(SGD{.learning_rate = 1}, {{.loss = MeanSquaredError{}}, {.loss = MeanSquaredError{}}});
  expect_as_keras(model, {layer}, {numbers({3, 4, 5}, 0.7, 1), numbers({3, 3}, 0.9, 1)},
                  {Array::zeros<float>({3, 4, 3}), filled({3, 3}, 1)},
                  {{2.196707, 0.763824}, {-0.004548, 0.01692, 1.237748}, {2.056516, 0.878206, 0.647066}});
}

}  // namespace

// Whole models against numbers that Keras 3.15 computed: outputs, gradients, and the losses of steps.
#include <gtest/gtest.h>

#include "tests/dsl/keras_models.h"

using namespace cnnc;
using keras_numbers::Expected;
using keras_numbers::expect_as_keras;
using keras_numbers::filled;
using keras_numbers::numbers;
using keras_numbers::set_numbers;

namespace {

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

// Layers against numbers that Keras 3.15 computed: outputs, and gradients of inputs and weights.
#include <gtest/gtest.h>

#include "tests/dsl/keras_numbers.h"

using namespace cnnc;
using keras_numbers::digest;
using keras_numbers::numbers;

namespace {

struct LayerCase {
  Layer layer;
  Shape sample;
  double output;
  std::vector<double> gradients;  // of factors of the input's elements, then of the layer's weights
};

// mean(layer(x * factors)^2) after one step of size 1: weights move by their gradients. Images come channels first, and
// kernels are [outputs, inputs, height, width], here as in Keras.
void expect_as_keras(const LayerCase& c) {
  SCOPED_TRACE(c.layer.type());
  Shape factors = c.sample, batch = c.sample;
  factors.insert(factors.begin(), 1);
  batch.insert(batch.begin(), 3);
  const Layer scale("Scale", [&](LayerScope& scope, const Tensors& x) { return x[0] * scope.weight("w", factors, ones); });
  const Tensor x = input(c.sample);
  Model model(x, c.layer(scale(x)));
  Arrays weights = c.layer.weights();
  const size_t count = c.gradients.size() - 1;
  ASSERT_GE(weights.size(), count);
  for (size_t k = 0; k < count; ++k) weights[k] = numbers(weights[k].shape(), 0.3 + 0.1 * static_cast<double>(k), 0.5);
  c.layer.set_weights(weights);
  const Array data = numbers(batch, 0.7, 1), y = model.predict(data);
  EXPECT_NEAR(digest([&](int64_t i) { return y.at(i); }, y.size()), c.output, 2e-5 * std::max(1.0, std::abs(c.output)));
  model.compile(SGD{.learning_rate = 1}, MeanSquaredError{});
  model.train_on_batch(data, Array::zeros<float>(y.shape()));
  const auto expect_gradient = [](const Array& before, const Array& after, double expected) {
    const double found = digest([&](int64_t i) { return before.at(i) - after.at(i); }, before.size());
    EXPECT_NEAR(found, expected, 2e-5 * std::max(1.0, std::abs(expected)));
  };
  expect_gradient(Array(factors, std::vector<float>(static_cast<size_t>(data.size() / 3), 1)), scale.weights()[0], c.gradients[0]);
  for (size_t k = 0; k < count; ++k) expect_gradient(weights[k], c.layer.weights()[k], c.gradients[k + 1]);
}

TEST(KerasLayers, GiveTheSameOutputsAndGradients) {
  const std::vector<LayerCase> cases{
      {Conv2D(4, {3, 2}, {.strides = {2, 1}, .padding = Padding::same}), {3, 7, 6}, -36.146216, {0.003194, -0.476738, 0.525572}},
      {Conv2D(4, 4, {.strides = 3, .padding = Padding::same}), {2, 8, 7}, 2.707868, {2.395678, 1.174853, 0.394153}},
      {Conv2D(4, 3, {.padding = Padding::same, .dilation = 2}), {2, 6, 7}, 4.902191, {0.009202, -0.044200, 0.399205}},
      {DepthwiseConv2D(3, {.strides = 2, .padding = Padding::same}, 2), {3, 6, 7}, 0.263113, {0.358164, -0.579044, 0.134960}},
      {SeparableConv2D(5, 3, {.padding = Padding::same}), {3, 5, 6}, -0.645809, {0.003324, 0.202219, -0.141956, 0.352122}},
      {Conv2DTranspose(4, 3, {.strides = 2, .padding = Padding::same}), {2, 4, 3}, -0.906558, {-0.104251, -0.096737, 0.397227}},
      {Conv2DTranspose(3, 4, {.strides = 3}), {2, 3, 3}, 3.398399, {0.096035, 0.039753, 0.507640}},
      {Conv2DTranspose(3, 2, {.strides = 3, .padding = Padding::same}), {2, 3, 2}, -0.813296, {-0.008560, -0.050454, 0.509219}},
      {Conv1D(4, 3, {.strides = 2, .padding = Padding::same}), {3, 8}, 1.569193, {-0.145040, -0.530597, 0.400602}},
      {Conv3D(2, {2, 3, 2}, {.padding = Padding::same}), {2, 3, 4, 3}, 0.389077, {0.125686, -1.294891, 0.468259}},
      {MaxPool2D(3, {.strides = 2, .padding = Padding::same}), {2, 6, 7}, 1.395367, {-0.208220}},
      {AveragePool2D(3, {.strides = 2, .padding = Padding::same}), {2, 6, 7}, -0.065789, {0.002266}},
      {GlobalAveragePool2D(), {2, 4, 5}, 0.000951, {0.012896}},
      {GlobalMaxPool2D(), {2, 4, 5}, 1.255955, {-0.178602}},
      {BatchNormalization(), {3, 4, 5}, -1.591471, {-0.000026, 0.403949, 0.507514}},
      {LocalResponseNormalization(5, 0.01, 0.6, 2), {7, 3, 4}, 0.248117, {-0.006319}},
      {UpSampling2D({2, 3}), {2, 3, 3}, -8.997027, {0.168007}},
      {UpSampling2D(2, Interpolation::bilinear), {2, 3, 4}, 0.075508, {0.055625}},
      {ZeroPadding2D({1, 2}), {2, 3, 4}, -0.330949, {-0.012568}},
      {Dense(4, gelu), {5}, 2.876813, {0.899960, 0.360583, 1.044041}},
      {LayerNormalization(), {4, 6}, 1.445382, {-0.002400, -0.066456, 0.105332}},
      {LSTM(3, {.return_sequences = true}), {4, 5}, 0.959016, {-0.000855, -0.008191, -0.017315, 0.078396}},
      {LSTM(3, {.go_backwards = true}), {4, 5}, 0.233718, {-0.002734, 0.019571, -0.049564, 0.133459}},
      {GRU(3), {4, 5}, 0.486040, {-0.004989, -0.007645, -0.001982, 0.305224, 0.133045}},
      {SimpleRNN(3), {4, 5}, -2.938471, {-0.220379, -0.116052, -0.072067, 0.539942}},
      {Bidirectional(LSTM(2, {.return_sequences = true})), {4, 5}, 0.080192, {-0.002946, -0.005073, -0.000323, -0.019988, 0.000695, 0.001680, 0.017159}},
      {Bidirectional(SimpleRNN(3), Merge::multiply), {4, 5}, -1.385451, {0.040975, -0.006838, -0.017082, 0.120073, 0.115510, 0.050446, 0.339184}},
      {MultiHeadAttention(2, 3), {4, 5}, 0.680939, {-0.005651, 0.000034, 0.002849, -0.007779, 0.000000, 0.008710, 0.278448, -0.006105, 0.466326}},
      {Conv2D(4, 3, {.padding = Padding::same, .groups = 2}), {4, 5, 6}, -25.952428, {0.009031, -0.327697, 0.393708}},
      {SeparableConv2D(3, {2, 3}, {}, 2), {2, 5, 6}, -1.828755, {0.004047, -0.141449, 0.091302, 0.581939}},
      {Conv2DTranspose(3, {3, 4}, {.strides = 2, .padding = Padding::same, .output_padding = 1}), {2, 4, 3}, -1.003461, {-0.213265, -0.121115, 0.506023}},
      {Conv2DTranspose(3, {1, 2}, {.strides = {3, 2}}), {2, 3, 2}, 7.638258, {0.004852, -0.078566, 0.508217}},
      {MaxPool1D(3, {.strides = 2, .padding = Padding::same}), {3, 8}, 0.158317, {-0.036950}},
      {AveragePool3D({2, 3, 1}, {.strides = {1, 2, 2}, .padding = Padding::same}), {2, 3, 4, 5}, 0.036629, {0.006728}},
      {BatchNormalization({.axis = -1}), {4, 5}, -0.289529, {-0.000070, 0.172702, 0.242969}},
      {LayerNormalization({.axes = {1, 2}}), {4, 3, 2}, 5.954569, {0.005063, -0.177060, -0.011500}},
      {LayerNormalization({.axes = {1}}), {3, 4, 2}, 2.382553, {0.003279, 0.364684, 0.505702}},
      {LSTM(3, {.activation = CellActivation::relu, .recurrent_activation = CellActivation::hard_sigmoid, .use_bias = false}), {4, 5}, -0.301521, {-0.003310, -0.039224, -0.003701}},
      {GRU(3, {.return_sequences = true, .activation = CellActivation::softsign, .reset_after = false}), {4, 5}, 0.941423, {-0.004283, 0.002405, 0.002367, 0.096575}},
      {MultiHeadAttention(2, 3, {.value_units = 4, .output_units = 6, .use_bias = false, .causal = true}), {4, 5}, -0.409677, {0.000287, -0.000017, 0.000002, 0.000313, -0.002223}},
      {PReLU(), {4, 5}, 0.650472, {-0.062950, -0.070508}},
      {PReLU({2, 3}), {3, 4, 2}, 3.121856, {-0.026479, 0.101622}},
      {Softmax(), {4, 5}, -1.581458, {0.002183}},
      {LeakyReLU(), {4, 5}, 0.130276, {-0.064435}},
  };
  for (const LayerCase& c : cases) expect_as_keras(c);
}

}  // namespace

// Layers: shapes, weights, names, and what messages say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "cnnc/cnnc.h"
#include "tests/dsl/faults.h"

using namespace cnnc;

namespace {

Array counting(Shape shape, float step = 0.01f) {
  Array array = Array::zeros<float>(std::move(shape));
  float* data = array.mutable_data<float>();
  for (int64_t i = 0; i < array.size(); ++i) data[i] = step * static_cast<float>(i % 97) - 0.3f;
  return array;
}

Model model_of(Shape shape, const Layer& layer) {
  const Tensor x = input(std::move(shape));
  return Model(x, layer(x));
}

TEST(Layers, InferShapes) {
  const Tensor x = input({3, 32, 31});
  EXPECT_EQ(Conv2D(8, {3, 3})(x).shape(), (Shape{-1, 8, 30, 29}));
  EXPECT_EQ(Conv2D(8, {3, 3}, Padding::same, relu)(x).shape(), (Shape{-1, 8, 32, 31}));
  EXPECT_EQ(Conv2D(8, 4, {.strides = 2, .padding = Padding::same})(x).shape(), (Shape{-1, 8, 16, 16}));
  EXPECT_EQ(Conv2D(8, 3, {.padding = {1, 2, 3, 4}})(x).shape(), (Shape{-1, 8, 34, 35}));
  EXPECT_EQ(Conv2D(9, 3, {.dilation = 2, .groups = 3})(x).shape(), (Shape{-1, 9, 28, 27}));
  EXPECT_EQ(DepthwiseConv2D(3, {}, 2)(x).shape(), (Shape{-1, 6, 30, 29}));
  EXPECT_EQ(SeparableConv2D(5, 3)(x).shape(), (Shape{-1, 5, 30, 29}));
  EXPECT_EQ(Conv2DTranspose(4, 3, {.strides = 2, .padding = Padding::same})(x).shape(), (Shape{-1, 4, 64, 62}));
  EXPECT_EQ(Conv2DTranspose(4, 2, {.strides = 3, .padding = Padding::same})(x).shape(), (Shape{-1, 4, 96, 93}));
  EXPECT_EQ(Conv2DTranspose(4, 3, {.strides = 2, .padding = Padding::same, .output_padding = 0})(x).shape(), (Shape{-1, 4, 63, 61}));
  EXPECT_EQ(Conv2DTranspose(4, 3, Padding::same, relu)(x).shape(), (Shape{-1, 4, 32, 31}));
  EXPECT_EQ(MaxPool2D()(x).shape(), (Shape{-1, 3, 16, 15}));
  EXPECT_EQ(MaxPool2D(2, {.ceil_mode = true})(x).shape(), (Shape{-1, 3, 16, 16}));
  EXPECT_EQ(AveragePool2D(3, {.strides = 2, .padding = Padding::same})(x).shape(), (Shape{-1, 3, 16, 16}));
  EXPECT_EQ(GlobalAveragePool2D()(x).shape(), (Shape{-1, 3}));
  EXPECT_EQ(Flatten()(x).shape(), (Shape{-1, 3 * 32 * 31}));
  EXPECT_EQ(Reshape({96, -1})(x).shape(), (Shape{-1, 96, 31}));
  EXPECT_EQ(Permute({2, 3, 1})(x).shape(), (Shape{-1, 32, 31, 3}));
  EXPECT_EQ(ZeroPadding2D({1, 2})(x).shape(), (Shape{-1, 3, 34, 35}));
  EXPECT_EQ(UpSampling2D({2, 3})(x).shape(), (Shape{-1, 3, 64, 93}));
  EXPECT_EQ(Concatenate()({x, x}).shape(), (Shape{-1, 6, 32, 31}));
  EXPECT_EQ(SpatialDropout2D(0.5)(x).shape(), (Shape{-1, 3, 32, 31}));
  EXPECT_EQ(Conv3D(2, 3)(input({1, 8, 8, 8})).shape(), (Shape{-1, 2, 6, 6, 6}));
  EXPECT_EQ(Conv1D(2, 3)(input({4, 10})).shape(), (Shape{-1, 2, 8}));
  EXPECT_EQ(Conv1D(2, 3, Padding::same, relu)(input({4, 10})).shape(), (Shape{-1, 2, 10}));
  EXPECT_EQ(MaxPool3D()(input({1, 8, 8, 9})).shape(), (Shape{-1, 1, 4, 4, 4}));
  EXPECT_EQ(GlobalMaxPool1D()(input({4, 10})).shape(), (Shape{-1, 4}));
  EXPECT_EQ(GlobalAveragePool1D(DataFormat::channels_last)(input({10, 4})).shape(), (Shape{-1, 4}));
  const Tensor words = Embedding(100, 16)(input({12}, {.type = InputType::i32}));
  EXPECT_EQ(words.shape(), (Shape{-1, 12, 16}));
  EXPECT_EQ(LSTM(7)(words).shape(), (Shape{-1, 7}));
  EXPECT_EQ(GRU(7, {.return_sequences = true})(words).shape(), (Shape{-1, 12, 7}));
  EXPECT_EQ(MultiHeadAttention(2, 8)(words).shape(), (Shape{-1, 12, 16}));
}

TEST(Layers, TakeChannelsLastData) {
  EXPECT_EQ(input({32, 30, 3}, {.data_format = DataFormat::channels_last}).shape(), (Shape{-1, 3, 32, 30}));
}

TEST(Layers, MessagesNameLayerLineAndShapes) {
  const std::string fault = fault_of([] { Conv2D(8, {5, 5})(input({3, 4, 4})); });
  expect_contains(fault, {"Conv2D", "layers_test.cpp:", "f32[batch,3,4,4]", "f32[8,3,5,5]"});
  expect_contains(fault_of([] { Dense(3).named("head")(Dense(4)(input({3}))) + input({7}); }),
                  {"layer Add of layers_test.cpp:" + std::to_string(__LINE__ - 1) + ":", "[batch,3]", "[batch,7]"});
  expect_fault([] { gelu(input({3}, {.type = InputType::i32})); }, {"layer Gelu of layers_test.cpp:", "i32[batch,3]"});
  expect_contains(fault_of([] { Conv2D(8, 3)(input({3})); }), {"Conv2D", "[batch, channels, height, width]", "[batch,3]"});
  expect_contains(fault_of([] { Conv2D(8, 3, {.groups = 2})(input({3, 8, 8})); }), {"3 channels", "2 groups"});
  expect_contains(fault_of([] { Dropout(1.5)(input({3})); }), {"Dropout", "rate is 1.5"});
  expect_contains(fault_of([] { Dense(2)(input({-1})); }), {"Dense", "must be known"});
  expect_contains(fault_of([] { Sequential({Dense(2)}); }), {"first layer must be Input"});
  expect_contains(fault_of([] { Embedding(3, 2)(input({3})); }), {"Embedding", "InputType::i32"});
  expect_fault([] { DepthwiseConv2D(3, {.groups = 2})(input({4, 8, 8})); }, {"DepthwiseConv2D", "2 groups", "leave groups out"});
  expect_fault([] { Conv2DTranspose(3, 3, {.strides = 2, .output_padding = 2})(input({4, 8, 8})); }, {"output_padding holds 2", "which is 2"});
  expect_fault([] { Conv2DTranspose(3, 3, {.groups = 3})(input({4, 8, 8})); }, {"4 channels and 3 filters", "3 groups"});
  expect_fault([] { BatchNormalization({.axis = 3})(input({4, 8})); }, {"BatchNormalization", "axis 3", "f32[batch,4,8]"});
  expect_fault([] { LayerNormalization({.axes = {1, -2}})(input({4, 8})); }, {"LayerNormalization", "names an axis twice"});
  expect_fault([] { LSTM(0)(input({4, 8})); }, {"LSTM", "units is 0"});
  expect_fault([] { MultiHeadAttention(2, 3, {.dropout = 1})(input({4, 8})); }, {"MultiHeadAttention", "rate is 1"});
}

TEST(Layers, SharedLayerOfAnotherShapeIsAFault) {
  const Dense shared(4);
  shared(input({3}));
  expect_contains(fault_of([&] { shared(input({5})); }), {"Dense", "kernel", "f32[3,4]", "f32[5,4]"});
}

TEST(Layers, GlorotUniformFillsItsRange) {
  set_random_seed(1);
  const Dense layer(300);
  layer(input({200}));
  const Array kernel = layer.weights()[0];
  const double limit = std::sqrt(6.0 / 500);
  double most = 0, squares = 0;
  for (int64_t i = 0; i < kernel.size(); ++i) {
    most = std::max(most, std::abs(kernel.at(i)));
    squares += kernel.at(i) * kernel.at(i);
  }
  EXPECT_LE(most, limit);
  EXPECT_GT(most, 0.999 * limit);
  EXPECT_NEAR(squares / static_cast<double>(kernel.size()), limit * limit / 3, 0.01 * limit * limit);
}

TEST(Layers, SameSeedSameWeights) {
  const auto weights = [] {
    set_random_seed(7);
    const Dense layer(5);
    layer(input({4}));
    return layer.weights()[0].at(3);
  };
  EXPECT_EQ(weights(), weights());
}

TEST(Layers, UniformWeightsFillTheirRange) {
  constexpr int64_t kInputs = 100, kOutputs = 50;
  const auto largest = [](const Initializer& initializer) {
    const Dense layer(kOutputs, {.kernel_initializer = initializer});
    layer(input({kInputs}));
    const Array w = layer.weights()[0];
    double most = 0;
    for (int64_t i = 0; i < w.size(); ++i) most = std::max(most, std::abs(static_cast<double>(w.at(i))));
    return most;
  };
  const auto limits = [](double limit) { return testing::AllOf(testing::Le(limit * 1.000001), testing::Gt(limit * 0.99)); };
  EXPECT_THAT(largest(glorot_uniform), limits(std::sqrt(6.0 / (kInputs + kOutputs))));
  EXPECT_THAT(largest(he_uniform), limits(std::sqrt(6.0 / kInputs)));
  EXPECT_THAT(largest(lecun_uniform), limits(std::sqrt(3.0 / kInputs)));
  EXPECT_THAT(largest(pytorch_uniform), limits(1 / std::sqrt(double{kInputs})));
}

TEST(Layers, OrthogonalColumnsAreOrthogonal) {
  const Dense layer(3, {.kernel_initializer = orthogonal_of()});
  layer(input({5}));
  const Array w = layer.weights()[0];
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) {
      double dot = 0;
      for (int i = 0; i < 5; ++i) dot += w.at(i * 3 + a) * w.at(i * 3 + b);
      EXPECT_NEAR(dot, a == b, 1e-5);
    }
}

TEST(Model, PredictsAnyNumberOfSamples) {
  const Dense layer(2, {.kernel_initializer = ones, .bias_initializer = ones});
  const Model model = model_of({3}, layer);
  const Array x = counting({70, 3});
  const Array y = model.predict(x, {.batch_size = 32});
  ASSERT_EQ(y.shape(), (Shape{70, 2}));
  for (int64_t i = 0; i < 70; ++i)
    EXPECT_NEAR(y.at(2 * i), x.at(3 * i) + x.at(3 * i + 1) + x.at(3 * i + 2) + 1, 1e-5);
}

TEST(Model, FollowsChangedWeights) {
  const Dense layer(1, {.kernel_initializer = zeros});
  Model model = model_of({2}, layer);
  EXPECT_EQ(model.predict(counting({1, 2})).at(0), 0);
  model.set_weight("dense/bias", Array({1}, std::vector<float>{5}));
  EXPECT_EQ(model.predict(counting({1, 2})).at(0), 5);
  EXPECT_EQ(layer.weights()[1].at(0), 5);
}

TEST(Model, ReadsBytesAsScaledNumbers) {
  const Model model = model_of({1, 2, 2}, Flatten());
  const Array pixels = Array({2, 2, 2}, std::vector<uint8_t>{0, 51, 102, 153, 204, 255, 0, 255}).scaled(1 / 255.0);
  const Array y = model.predict(pixels);
  EXPECT_FLOAT_EQ(static_cast<float>(y.at(1)), 0.2f);
  EXPECT_FLOAT_EQ(static_cast<float>(y.at(5)), 1.0f);
}

TEST(Model, DataThatDoNotFitAreAFault) {
  const Model model = model_of({3}, Dense(2));
  expect_contains(fault_of([&] { model.predict(counting({5, 4})); }), {"input", "f32[5,4]", "f32[batch,3]"});
  expect_contains(fault_of([&] { model.predict(Array()); }), {"no samples"});
}

TEST(Model, NamesSharedWeightsOnce) {
  const Tensor a = input({4}), b = input({4});
  const Dense shared(3);
  const Model model(Tensors{a, b}, Tensors{shared(a) - shared(b)});
  EXPECT_EQ(model.weight_names(), (std::vector<std::string>{"dense/kernel", "dense/bias"}));
  const Array y = model.predict(Arrays{counting({2, 4}), counting({2, 4})})[0];
  EXPECT_EQ(y.at(0), 0);
}

TEST(Model, OutputThatNeedsAnotherInputIsAFault) {
  const Tensor a = input({4}), b = input({4});
  expect_contains(fault_of([&] { Model(a, a + b); }), {"the input of layers_test.cpp:", "f32[batch,4]", "not among the model's inputs"});
}

TEST(Model, OwnLayersAreFunctions) {
  const Layer scale("Scale", [](LayerScope& scope, const Tensors& x) { return x[0] * scope.weight("gamma", {1}, constant_of(3)); });
  const Model model = model_of({2}, scale);
  EXPECT_EQ(model.predict(Array({1, 2}, std::vector<float>{1, 2})).at(1), 6);
  EXPECT_EQ(model.weight_names()[0], "scale/gamma");
}

TEST(Model, SummaryIsATable) {
  const Sequential model({Input({1, 28, 28}), Flatten(), Dense(128, relu), Dropout(0.2), Dense(10)});
  std::ostringstream out;
  model.summary(out);
  EXPECT_EQ(out.str(), R"(Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┓
│ Layer (type)      │ Output Shape │ Param # │
┡━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━┩
│ flatten (Flatten) │ (None, 784)  │       0 │
├───────────────────┼──────────────┼─────────┤
│ dense (Dense)     │ (None, 128)  │ 100,480 │
├───────────────────┼──────────────┼─────────┤
│ dropout (Dropout) │ (None, 128)  │       0 │
├───────────────────┼──────────────┼─────────┤
│ dense_1 (Dense)   │ (None, 10)   │   1,290 │
└───────────────────┴──────────────┴─────────┘
 Total params: 101,770 (397.54 KB)
 Trainable params: 101,770 (397.54 KB)
 Non-trainable params: 0 (0.00 B)
)");
}

TEST(Model, SummaryCountsWhatTheOptimizerKeeps) {
  Sequential model({Input({2}), Dense(3)});
  model.compile(Adam{}, MeanSquaredError{});
  model.train_on_batch(counting({4, 2}), counting({4, 3}));
  std::ostringstream out;
  model.summary(out);
  expect_contains(out.str(), {" Total params: 27 (108.00 B)\n", " Trainable params: 9 (36.00 B)\n", " Optimizer params: 18 (72.00 B)\n"});
}

TEST(Model, SummaryHasNoRowForTheOrderOfChannels) {
  const Sequential model({Input({8, 9, 3}, {.data_format = DataFormat::channels_last}), Conv2D(2, 3), Flatten()});
  std::ostringstream out;
  model.summary(out);
  expect_contains(out.str(), {"│ Layer (type)      │ Output Shape    │ Param # │\n", "│ conv2d (Conv2D)   │ (None, 2, 6, 7) │      56 │\n"});
  EXPECT_EQ(out.str().find("input"), std::string::npos);
  const Tensor x = input({8, 9, 3}, {.data_format = DataFormat::channels_last, .name = "image"});
  std::ostringstream joined;
  Model(x, flatten(x) + Dense(216)(flatten(x))).summary(joined);
  expect_contains(joined.str(), {"│ image (InputLayer)  │ (None, 8, 9, 3) │       0 │ -", "│ flatten (Flatten)   │ (None, 216)     │       0 │ image"});
}

TEST(Model, FreeSizesOfInputsAreTheirOwn) {
  const Tensor a = input({-1, 2}), b = input({-1, 2});
  const Model model(Tensors{a, b}, {mean(a, {1}) - mean(b, {1})});
  EXPECT_EQ(model.predict(Arrays{counting({3, 4, 2}), counting({3, 7, 2})})[0].shape(), (Shape{3, 2}));
}

TEST(Model, NamesLayersAsKeras) {
  std::ostringstream out;
  Sequential({Input({2, 8, 8}), Conv2DTranspose(2, 2), LeakyReLU(), SeparableConv2D(2, 3), BatchNormalization()}).summary(out);
  expect_contains(out.str(), {"│ conv2d_transpose (", "│ leaky_re_lu (", "│ separable_conv2d (", "│ batch_normalization ("});
}

TEST(Layers, ConvolutionsTakeAnActivationAlone) {
  const Tensor x = input({3, 8, 8});
  EXPECT_EQ(Conv2D(4, {3, 3}, relu)(x).shape(), (Shape{-1, 4, 6, 6}));
  EXPECT_EQ(Conv1D(4, 3, relu)(input({3, 8})).shape(), (Shape{-1, 4, 6}));
}

TEST(Model, FrozenLayersCountAsNotTrainable) {
  Sequential model({Input({4}), Dense(3).trainable(false), BatchNormalization(), Dense(2)});
  std::ostringstream out;
  model.summary(out);
  expect_contains(out.str(), {"Total params: 35", "Trainable params: 14", "Non-trainable params: 21"});
}

void expect_numbers(const Layer& layer, const Shape& sample, const std::vector<float>& expected) {
  const Tensor x = input(sample);
  const Model model(x, layer(x));
  Arrays weights;
  for (const Array& w : layer.weights()) weights.push_back(counting(w.shape(), 0.04f));
  layer.set_weights(weights);
  const Array y = model.predict(counting({2, sample[0], sample[1]}, 0.05f));
  ASSERT_EQ(y.size(), static_cast<int64_t>(expected.size()));
  for (int64_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y.at(i), expected[static_cast<size_t>(i)], 1e-6) << i;
}

// The numbers are Keras 3.15's, with the same weights.
// One decision for each feature of a sample, as SpatialDropout1D makes it in front of the layer.
TEST(Recurrence, DropsFeaturesOfAllSteps) {
  const Array x = counting({6, 4, 3}), y = counting({6, 2});
  const auto trained = [&](const std::vector<Layer>& layers) {
    set_random_seed(5);
    std::vector<Layer> all{Input({4, 3})};
    all.insert(all.end(), layers.begin(), layers.end());
    Sequential model(all);
    model.compile(SGD{}, MeanSquaredError{});
    model.fit(x, y, {.epochs = 2, .verbose = Verbose::silent});
    return model.predict(x);
  };
  for (const bool gru : {false, true}) {
    const RecurrentOptions dropped{.dropout = 0.4};
    const Array inside = gru ? trained({GRU(2, dropped)}) : trained({LSTM(2, dropped)});
    const Array before = gru ? trained({SpatialDropout1D(0.4), GRU(2)}) : trained({SpatialDropout1D(0.4), LSTM(2)});
    const Array without = gru ? trained({GRU(2)}) : trained({LSTM(2)});
    EXPECT_EQ(inside.at(3), before.at(3));
    EXPECT_NE(inside.at(3), without.at(3));
  }
  expect_fault([] { LSTM(2, {.dropout = 1})(input({4, 3})); }, {"layer LSTM", "rate is 1"});
}

// With gates of one half a state is a polynomial of the weight w that it is multiplied with, times what dropout makes of
// it: all steps have the same one, of two.
TEST(Recurrence, DropsTheSameStatesInAllSteps) {
  const RecurrentOptions dropped{.activation = CellActivation::linear, .recurrent_activation = CellActivation::hard_sigmoid,
                                 .use_bias = false, .recurrent_dropout = 0.5};
  const Array x = counting({1, 4, 1}), y = Array::zeros<float>({1, 1});
  for (const bool is_lstm : {false, true}) {
    const Layer layer = is_lstm ? Layer(LSTM(1, dropped)) : Layer(GRU(1, dropped));
    Sequential model({Input({4, 1}), layer});
    // Of the candidate alone: the third of i, f, g, o, the last of z, r, h.
    const auto with_weight = [&](float w) {
      layer.set_weights(is_lstm ? Arrays{Array({1, 4}, std::vector<float>{0, 0, 1, 0}), Array({1, 4}, std::vector<float>{0, 0, w, 0})}
                                : Arrays{Array({1, 3}, std::vector<float>{0, 0, 1}), Array({1, 3}, std::vector<float>{0, 0, w})});
      return static_cast<double>(model.predict(x).at(0));
    };
    const double none = with_weight(0), doubled = with_weight(1.4f), as_it_is = with_weight(0.7f);
    EXPECT_NE(none, doubled);
    model.compile(SGD{.learning_rate = 0}, MeanSquaredError{});
    int kept = 0;
    for (int i = 0; i < 40; ++i) {
      const double state = std::sqrt(model.train_on_batch(x, y)[0]);
      const bool is_kept = std::abs(state - std::abs(doubled)) < 1e-5;
      EXPECT_TRUE(is_kept || std::abs(state - std::abs(none)) < 1e-5) << state << " is neither " << none << " nor " << doubled;
      kept += is_kept ? 1 : 0;
    }
    EXPECT_GT(kept, 8);
    EXPECT_LT(kept, 32);
    EXPECT_NEAR(std::sqrt(model.test_on_batch(x, y)[0]), std::abs(as_it_is), 1e-5);
  }
  expect_fault([] { GRU(2, {.recurrent_dropout = 1})(input({4, 3})); }, {"layer GRU", "recurrent_dropout is 1"});
}

TEST(Recurrence, GoesInBothDirectionsWithWeightsOfItsOwnForEach) {
  const Tensor x = input({4, 3});
  const LSTM prototype(2, {.return_sequences = true, .return_state = true});
  const Bidirectional both(prototype);
  const Tensors results = both.outputs(x);
  EXPECT_EQ(results.size(), 5u);  // y, and h and c of each direction
  EXPECT_EQ(results[0].shape(), (Shape{-1, 4, 4}));
  EXPECT_TRUE(prototype.weights().empty());
  ASSERT_EQ(both.weights().size(), 6u);
  // Each half is what the layer alone computes.
  const LSTM ahead(2, {.return_sequences = true, .return_state = true}), back(2, {.return_sequences = true, .return_state = true, .go_backwards = true});
  Tensors all = results;
  for (const LSTM& one : {ahead, back})
    for (const Tensor& result : one.outputs(x)) all.push_back(result);
  const Arrays weights = both.weights();
  ahead.set_weights({weights[0], weights[1], weights[2]});
  back.set_weights({weights[3], weights[4], weights[5]});
  const Arrays y = Model({x}, all).predict(Arrays{counting({1, 4, 3})});
  for (int64_t step = 0; step < 4; ++step)
    for (int64_t unit = 0; unit < 2; ++unit) {
      EXPECT_EQ(y[0].at(step * 4 + unit), y[5].at(step * 2 + unit));
      EXPECT_EQ(y[0].at(step * 4 + 2 + unit), y[8].at((3 - step) * 2 + unit));
    }
  for (const auto& [of_both, of_one] : std::vector<std::pair<size_t, size_t>>{{1, 6}, {2, 7}, {3, 9}, {4, 10}})
    for (const int64_t unit : {0, 1}) EXPECT_EQ(y[of_both].at(unit), y[of_one].at(unit)) << of_both;
}

TEST(Recurrence, DropsStatesOfMaskedSequences) {
  const Tensor x = input({4, 3});
  Model model({x}, LSTM(2, {.return_state = true, .recurrent_dropout = 0.3}).outputs(Masking()(x)));
  model.compile(Adam{.learning_rate = 0.05}, std::vector<OutputGoal>(3, {.loss = MeanSquaredError{}}));
  const Arrays labels(3, Array::zeros<float>({6, 2}));
  const History history = model.fit({counting({6, 4, 3})}, labels, {.epochs = 30, .verbose = Verbose::silent});
  EXPECT_LT(history.history.at("loss").back(), history.history.at("loss").front() / 4);
}

TEST(Recurrence, SharedLayersDrawTheirBiasOnce) {
  const auto kernel_after = [](int calls) {
    set_random_seed(5);
    LSTM shared(2, {.bias_initializer = random_uniform(0.1)});
    const Tensor x = input({4, 3});
    Arrays first;
    for (int i = 0; i < calls; ++i) {
      shared(x);
      if (i == 0) first = shared.weights();
    }
    const Arrays last = shared.weights();
    for (int64_t i = 0; i < 8; ++i) EXPECT_EQ(last[2].at(i), first[2].at(i));
    EXPECT_EQ(last[2].at(2), 1);  // the forget gate's
    EXPECT_NE(last[2].at(0), 0);
    Dense dense(2);
    dense(input({3}));
    return dense.weights()[0].at(0);
  };
  EXPECT_EQ(kernel_after(1), kernel_after(3));
}

TEST(Layers, SeparableConvolutionsTakeAPaddingAlone) {
  EXPECT_EQ(SeparableConv2D(5, 3, Padding::same, relu)(input({2, 6, 6})).shape(), (Shape{-1, 5, 6, 6}));
}

TEST(Recurrence, ComputesWhatKerasDoes) {
  expect_numbers(LSTM(2), {4, 3}, {-0.02223995f, -0.00286616f, 0.14303227f, 0.23313057f});
  expect_numbers(LSTM(2, {.return_sequences = true, .go_backwards = true}), {4, 3},
                 {0.0f, 0.01582742f, -0.01705409f, -0.00025481f, -0.03956377f, -0.02789353f, -0.06138038f, -0.0556697f,
                  0.08930368f, 0.13717557f, 0.11058234f, 0.17873757f, 0.09745477f, 0.16790679f, 0.06838595f,
                  0.13027936f});
  expect_numbers(GRU(2), {4, 3}, {-0.12814495f, -0.06740098f, 0.05058224f, 0.18322071f});
  expect_numbers(GRU(2, {.go_backwards = true}), {4, 3}, {-0.211418f, -0.18073803f, -0.04158825f, 0.06521497f});
}

}  // namespace

// Masks: steps of sequences that do not count, with numbers that Keras 3.15 computed.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/dsl/faults.h"
#include "tests/dsl/keras_models.h"

using namespace cnnc;
using keras_numbers::expect_as_keras;
using keras_numbers::filled;
using keras_numbers::numbers;
using keras_numbers::set_numbers;

namespace {

using Places = std::vector<std::pair<int64_t, int64_t>>;  // sample and step

// [3, 4, 5] with zeros at these places.
Array sequences(const Places& zeros, double step = 0.7) {
  Array array = numbers({3, 4, 5}, step, 1);
  for (const auto& [sample, at] : zeros) std::fill_n(array.mutable_data<float>() + (sample * 4 + at) * 5, 5, 0.0f);
  return array;
}

// Steps at the beginning, in the middle and at the end; of the last sample all.
const Places kSome{{0, 0}, {0, 2}, {1, 3}}, kAll{{0, 0}, {0, 2}, {1, 3}, {2, 0}, {2, 1}, {2, 2}, {2, 3}};

Array words() { return Array({3, 4}, std::vector<int32_t>{3, 0, 1, 2, 0, 0, 4, 1, 5, 2, 0, 0}); }

Tensor word_input() { return input({4}, {.type = InputType::i32}); }

void compare(const Tensors& x, const Tensors& y, const std::vector<Layer>& layers, const Arrays& data,
             const keras_numbers::Expected& expected) {
  Model model(x, y);
  set_numbers(layers);
  model.compile(SGD{.learning_rate = 1}, std::vector<OutputGoal>(y.size(), {.loss = MeanSquaredError{}}));
  Arrays labels;
  for (const Array& output : model.predict(data)) labels.push_back(filled(output.shape(), 0.5f));
  expect_as_keras(model, layers, data, labels, expected);
}

TEST(Masks, LstmRepeatsItsOutputAtMaskedSteps) {
  const Tensor x = input({4, 5});
  const LSTM lstm(3, {.return_sequences = true});
  const Dense head(2);
  compare({x}, {head(lstm(Masking()(x)))}, {lstm, head}, {sequences(kAll)},
          {{-0.438465}, {-0.052973, -0.004884, 0.061555, 0.015653, -0.295031}, {0.037894, 0.002396, 0.00199}});
}

TEST(Masks, BackwardGruPassesMaskedStepsOver) {
  const Tensor x = word_input();
  const Embedding table(6, 3, {.mask_zero = true});
  const GRU gru(3, {.go_backwards = true});
  const Dense head(2);
  compare({x}, {head(gru(table(x)))}, {table, gru, head}, {words()},
          {{0.295119}, {0.001077, 0.003134, 0.000266, 0.003061, 0.154115, -0.372102}, {0.044268, 0.008594, 0.001611}});
}

TEST(Masks, BackwardGruRepeatsItsOutput) {
  const Tensor x = word_input();
  const Embedding table(6, 3, {.mask_zero = true});
  const GRU gru(3, {.return_sequences = true, .go_backwards = true});
  compare({x}, {gru(table(x))}, {table, gru}, {words()},
          {{1.4962}, {0.006043, 0.028357, -0.005032, 0.189744}, {0.487696, 0.405747, 0.334179}});
}

// The other steps are those of the sequence without the masked one.
TEST(Masks, BothDirectionsGiveZerosAtMaskedSteps) {
  const Embedding table(6, 3, {.mask_zero = true, .initializer = random_uniform(1)});
  const Bidirectional both(GRU(2, {.return_sequences = true}));
  const auto states = [&](const std::vector<int32_t>& words) {
    const auto steps = static_cast<int64_t>(words.size());
    const Tensor x = input({steps}, {.type = InputType::i32});
    return Model(x, both(table(x))).predict(Array({1, steps}, words));
  };
  const Array masked = states({3, 0, 1, 2}), without = states({3, 1, 2});
  for (int64_t unit = 0; unit < 4; ++unit) {
    EXPECT_EQ(masked.at(4 + unit), 0);
    EXPECT_NE(without.at(unit), 0);
    for (const auto& [step, of_three] : Places{{0, 0}, {2, 1}, {3, 2}})
      EXPECT_NEAR(masked.at(4 * step + unit), without.at(4 * of_three + unit), 1e-6) << step;
  }
}

// The numbers are those of Keras with mask= given: with an initial state it forgets the mask that the tensor has.
TEST(Masks, StatesStayAtMaskedSteps) {
  const Tensor x = input({4, 5}), h = input({3}), c = input({3});
  const LSTM lstm(3, {.return_state = true});
  compare({x, h, c}, lstm.outputs({Masking()(x), h, c}), {lstm},
          {sequences(kAll), numbers({3, 3}, 0.9, 1), numbers({3, 3}, 1.1, 1)},
          {{0.092214, -1.301629, -1.06839}, {-1.531778, -0.558388, 1.54582}, {1.497231, 0.594957, 0.442197}});
}

TEST(Masks, GoThroughLayersOfEachStep) {
  const Tensor x = input({4, 5});
  const LSTM first(3, {.return_sequences = true});
  const LayerNormalization norm;
  const GRU second(2);
  Tensor y = Dropout(0)(Masking()(x));
  y = norm(ActivationLayer(relu)(first(y)));
  compare({x}, {second(Add()({y, y}))}, {first, norm, second}, {sequences(kAll)},
          {{-0.288962}, {0.00359, 0.0, -0.005814, 0.004162, 0.073133, 0.08792, -0.011723, 0.155639}, {0.333236, 0.09649, 0.084602}});
}

TEST(Masks, AttentionAndMeansLeaveStepsOut) {
  const Tensor x = word_input();
  const Embedding table(6, 4, {.mask_zero = true});
  const MultiHeadAttention attention(2, 3);
  const Dense head(2);
  compare({x}, {head(GlobalAveragePool1D(DataFormat::channels_last)(attention(table(x))))}, {table, attention, head}, {words()},
          {{0.438571},
           {0.000524, 6e-06, -0.000154, -0.000289, 0.0, 0.001197, 0.024507, -0.012372, -0.061507, -0.378681, -0.388012},
           {0.051593, 0.176605, 0.322214}});
}

TEST(Masks, AttentionLooksAtNoMaskedValues) {
  const Tensor query = input({3, 4}), x = word_input();
  const Embedding table(6, 4, {.mask_zero = true});
  const MultiHeadAttention attention(2, 3);
  compare({query, x}, {attention({query, table(x)})}, {table, attention}, {numbers({3, 3, 4}, 0.9, 1), words()},
          {{-0.000661},
           {0.025047, 7.1e-05, -0.000459, 0.00036, 0.0, -0.004639, -0.12099, 0.005254, -0.171647},
           {0.272615, 0.161561, 0.20796}});
}

TEST(Masks, OfCausalAttention) {
  const Tensor x = word_input();
  const Embedding table(6, 4, {.mask_zero = true});
  const MultiHeadAttention attention(2, 3, {.causal = true});
  compare({x}, {attention(table(x))}, {table, attention}, {words()},
          {{0.268326},
           {0.002448, 1.8e-05, -0.000128, 0.000348, 0.0, 0.003957, -0.122275, 0.00875, -0.163416},
           {0.282891, 0.16212, 0.191577}});
}

TEST(Masks, OfTensorsThatAreJoined) {
  const Tensor x = input({4, 5}), z = input({4, 5});
  const GRU beside(3, {.return_sequences = true}), behind(3, {.return_sequences = true});
  const Arrays data{sequences(kSome), sequences({{0, 1}, {0, 2}, {2, 0}}, 0.9)};
  compare({x, z}, {beside(Concatenate(-1)({Masking()(x), Masking()(z)}))}, {beside}, data,
          {{1.476796}, {-0.050114, -0.00238, 0.379345}, {0.622076, 0.374713, 0.237926}});
  compare({x, z}, {behind(Concatenate(1)({Masking()(x), z}))}, {behind}, data,
          {{2.295997}, {0.089845, -0.004084, 0.688103}, {0.758277, 0.332473, 0.154228}});
}

// ---- losses and metrics ----------------------------------------------------------------------------------------------
struct Tagger {
  Embedding table{6, 3, {.mask_zero = true}};
  Dense head{4, softmax};
  Model model;

  Tagger() : model(made()) {
    set_numbers({table, head});
    model.compile(SGD{.learning_rate = 1}, SparseCategoricalCrossentropy{}, {Accuracy{}}, {Accuracy{}});
  }
  Model made() {
    const Tensor x = word_input();
    return Model(x, head(table(x)));
  }
  static Array labels() {
    Array labels = words();
    for (int64_t i = 0; i < labels.size(); ++i) labels.mutable_data<int32_t>()[i] %= 4;
    return labels;
  }
};

TEST(Masks, LossesAreMeansOverStepsThatCount) {
  Tagger tagger;
  expect_as_keras(tagger.model, {tagger.table, tagger.head}, {words()}, {Tagger::labels()},
                  {{-0.374755}, {0.010976, 0.035997, -0.081287}, {1.376563, 1.283201, 1.216325}});
}

TEST(Masks, LossesHaveWeightsOfSamplesToo) {
  Tagger tagger;
  expect_as_keras(tagger.model, {tagger.table, tagger.head}, {words()}, {Tagger::labels()},
                  {{-0.374755}, {0.024104, 0.050883, -0.065614}, {1.550753, 1.389841, 1.278516}},
                  {.sample_weight = Array({3}, std::vector<float>{1, 0.5f, 2})});
}

TEST(Masks, MetricsLeaveStepsOut) {
  Tagger tagger;
  const Evaluation values = tagger.model.test_on_batch(words(), Tagger::labels(), {.sample_weight = Array({3}, std::vector<float>{1, 0.5f, 2})});
  EXPECT_NEAR(values[0], 1.550753, 1e-5);
  EXPECT_NEAR(values.logs.at("accuracy"), 4.0 / 7, 1e-6);
  EXPECT_NEAR(values.logs.at("weighted_accuracy"), 0.5625, 1e-6);
}

TEST(Masks, ABatchWithoutStepsThatCountLearnsNothing) {
  Tagger tagger;
  const Array before = tagger.head.weights()[0];
  EXPECT_EQ(tagger.model.train_on_batch(Array::zeros<int32_t>({3, 4}), Tagger::labels())[0], 0);
  for (int64_t i = 0; i < before.size(); ++i) EXPECT_EQ(tagger.head.weights()[0].at(i), before.at(i));
}

TEST(Masks, OfSeveralOutputs) {
  const Tensor x = word_input();
  const Tensor y = Embedding(6, 3, {.mask_zero = true})(x);
  Model model({x}, {Dense(2).named("plain")(without_mask(y)), Dense(1).named("steps")(y), Dense(1).named("more")(y)});
  model.compile(SGD{}, std::vector<OutputGoal>(3, {.loss = MeanSquaredError{}, .metrics = {MeanSquaredErrorMetric{}}}));
  const Evaluation values = model.test_on_batch(
      words(), {Array::zeros<float>({3, 4, 2}), Array::zeros<float>({3, 4, 1}), Array::zeros<float>({3, 4, 1})});
  for (const std::string name : {"plain", "steps", "more"})  // the metrics leave out what the losses leave out
    EXPECT_NEAR(values.logs.at(name + "_loss"), values.logs.at(name + "_mean_squared_error"), 1e-7) << name;
}

// ---- where masks go --------------------------------------------------------------------------------------------------
TEST(Masks, GoOnThroughOperatorsAndEndWhereTheyAreNotHeeded) {
  const Tensor x = Masking()(input({4, 5}));
  ASSERT_TRUE(x.mask().has_value());
  EXPECT_EQ(x.mask()->type(), "bool[batch,4]");
  EXPECT_TRUE((relu(x * 2) + 1).mask().has_value());
  EXPECT_TRUE(Dense(3)(x).mask().has_value());
  EXPECT_FALSE(without_mask(x).mask().has_value());
  EXPECT_FALSE(LSTM(3)(x).mask().has_value());
  EXPECT_FALSE(Add()({x, input({4, 5})}).mask().has_value());
  Layer own("Own", [](const Tensor& t) { return matmul(t, transpose(t, {0, 2, 1})); });
  testing::internal::CaptureStderr();
  EXPECT_FALSE(own(x).mask().has_value());
  EXPECT_FALSE(Flatten()(x).mask().has_value());
  const std::string warnings = testing::internal::GetCapturedStderr();
  EXPECT_NE(warnings.find("layer Flatten of masks_test.cpp"), std::string::npos) << warnings;
  EXPECT_NE(warnings.find("layer Own of masks_test.cpp"), std::string::npos) << warnings;
  EXPECT_TRUE(own.supports_masking()(x).mask().has_value());
}

TEST(Masks, AreGivenByHand) {
  const Tensor x = input({4, 5}), mask = input({4});
  const Model model({x, mask}, {GlobalAveragePool1D(DataFormat::channels_last)(with_mask(x, mask))});
  const Array data = numbers({1, 4, 5}, 0.7, 1);
  const Array mean = model.predict(Arrays{data, Array({1, 4}, std::vector<float>{0, 1, 0, 1})})[0];
  for (int64_t k = 0; k < 5; ++k) EXPECT_NEAR(mean.at(k), (data.at(5 + k) + data.at(15 + k)) / 2, 1e-6);
  const Array nothing = model.predict(Arrays{data, Array::zeros<float>({1, 4})})[0];
  for (int64_t k = 0; k < 5; ++k) EXPECT_EQ(nothing.at(k), 0);
}

TEST(Masks, OfModelsAsLayers) {
  const Tensor x = word_input(), z = word_input();
  const Model words_to_rows(x, Embedding(6, 3, {.mask_zero = true})(x));
  const Tensor rows = words_to_rows.as_layer()(z);
  ASSERT_TRUE(rows.mask().has_value());
  const LSTM lstm(2);
  const Model whole(z, lstm(rows));
  const Array padded({2, 4}, std::vector<int32_t>{3, 4, 0, 0, 0, 3, 0, 4}), y = whole.predict(padded);
  for (int64_t k = 0; k < 2; ++k) EXPECT_NEAR(y.at(k), y.at(2 + k), 1e-6);
  expect_fault([&] { Model(rows, Dense(2)(rows)).as_layer(); }, {"result of an operation"});
  const Tensor plain = input({4, 3});
  expect_fault([&] { Model(plain, Dense(2)(plain)).as_layer()(rows); }, {"without the mask", "without_mask()"});
}

TEST(Masks, OfSequencesOfAnyLength) {
  const Tensor x = input({-1}, {.type = InputType::i32});
  const Model model(x, GRU(3)(LSTM(2, {.return_sequences = true})(Embedding(6, 3, {.mask_zero = true})(x))));
  const Array brief = model.predict(Array({1, 2}, std::vector<int32_t>{3, 4}));
  const Array padded = model.predict(Array({1, 5}, std::vector<int32_t>{0, 3, 0, 4, 0}));
  for (int64_t k = 0; k < 3; ++k) EXPECT_NEAR(padded.at(k), brief.at(k), 1e-6);
}

TEST(Masks, LeaveTheSummaryAsItIs) {
  const Tensor x = word_input();
  std::ostringstream out;
  Model(x, LSTM(2)(Embedding(6, 3, {.mask_zero = true})(x))).summary(out);
  EXPECT_NE(out.str().find("4, 3)"), std::string::npos) << out.str();
  EXPECT_EQ(out.str().find("bool"), std::string::npos) << out.str();
}

TEST(Masks, ThatDoNotFitAreFaults) {
  const Tensor x = Masking()(input({4, 5}));
  expect_fault([&] { BatchNormalization()(x); }, {"BatchNormalization", "has a mask", "LayerNormalization"});
  expect_fault([&] { GlobalAveragePool1D()(x); }, {"GlobalAveragePool1D", "bool[batch,4]", "axis 2"});
  expect_fault([&] { with_mask(input({4, 5}), input({3})); }, {"with_mask of masks_test.cpp", "f32[batch,3]", "f32[batch,4,5]"});
  const Tensor y = word_input();
  Model model(y, Dense(2)(Embedding(6, 3, {.mask_zero = true})(y)));
  model.compile(SGD{}, Dice{});
  expect_fault([&] { model.train_on_batch(words(), Array::zeros<float>({3, 4, 2})); }, {"the output's mask is bool[3,4]", "losses are f32[]"});
}

}  // namespace

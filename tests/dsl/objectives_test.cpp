// Losses, optimizers, metrics and schedules against numbers that Keras 3.15 computed.
#include <gtest/gtest.h>

#include "cnnc/cnnc.h"
#include "tests/dsl/faults.h"

using namespace cnnc;

namespace {

const Array kShares({4, 3}, std::vector<float>{0.2f, 0.5f, 0.3f, 0.7f, 0.1f, 0.2f, 0.25f, 0.35f, 0.4f, 0.05f, 0.9f, 0.05f});
const Array kNumbers({4, 3}, std::vector<float>{0.5f, -1, 2, 1.5f, 0.3f, -0.7f, -0.2f, 0.8f, 0.1f, -2, 0.4f, 1.1f});
const Array kHot({4, 3}, std::vector<float>{0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0});
const Array kSigns({4, 3}, std::vector<float>{-1, 1, -1, 1, -1, -1, -1, -1, 1, 1, -1, -1});
const Array kSoft({4, 3}, std::vector<float>{0.1f, 0.6f, 0.3f, 0.8f, 0.1f, 0.1f, 0.2f, 0.2f, 0.6f, 0.3f, 0.3f, 0.4f});
const Array kWeights({4}, std::vector<float>{1, 2, 0.5f, 0});

// y = w x, a weight for each column.
Model scaling(const std::vector<float>& weights) {
  Layer scale("Scale", [weights](LayerScope& scope, const Tensors& x) {
    return x[0] * scope.weight("w", Array({static_cast<int64_t>(weights.size())}, weights));
  });
  scale.named("scale");
  const Tensor x = input({static_cast<int64_t>(weights.size())});
  return Model(x, scale(x));
}

FitOptions whole_batch(int epochs) {
  FitOptions options;
  options.epochs = epochs;
  options.shuffle = false;
  options.verbose = Verbose::silent;
  return options;
}

// The loss of samples that are weighed, and its gradient by one step of size 1.
struct LossCase {
  Loss loss;
  Array x, y;
  double value;
  std::vector<double> gradient;
};

void expect_as_keras(const LossCase& c, size_t index) {
  SCOPED_TRACE(index);
  Model model = scaling({1, 1, 1});
  model.compile(SGD{.learning_rate = 1}, c.loss);
  const double tolerance = 2e-5 * std::max(1.0, std::abs(c.value));
  EXPECT_NEAR(model.evaluate({c.x, c.y}, {.sample_weight = kWeights, .verbose = Verbose::silent})[0], c.value, tolerance);
  FitOptions options = whole_batch(1);
  options.sample_weight = kWeights;
  model.fit(c.x, c.y, options);
  const Array w = model.weight("scale/w");
  for (int64_t i = 0; i < 3; ++i) EXPECT_NEAR(1 - w.at(i), c.gradient[static_cast<size_t>(i)], tolerance) << i;
}

TEST(Losses, AndTheirGradientsAreKeras) {
  const std::vector<LossCase> cases{
      {CategoricalFocalCrossentropy{}, kShares, kHot, 0.025151, {0.004713, -0.006897, 0.002184}},
      {CategoricalFocalCrossentropy{.alpha = 0.5, .gamma = 1.5, .from_logits = true, .label_smoothing = 0.1}, kNumbers, kHot, 0.453490, {-0.008416, 0.157541, 0.210737}},
      {BinaryFocalCrossentropy{}, kShares, kHot, 0.041565, {-0.035280, -0.042032, -0.020119}},
      {BinaryFocalCrossentropy{.apply_class_balancing = true, .alpha = 0.3, .gamma = 1, .from_logits = true}, kNumbers, kHot, 0.278602, {0.011183, 0.055629, 0.099789}},
      {Hinge{}, kNumbers, kHot, 0.954167, {0.033333, 0.166667, 0.045833}},
      {Hinge{}, kNumbers, kSigns, 0.954167, {0.033333, 0.166667, 0.045833}},
      {SquaredHinge{}, kNumbers, kHot, 1.762917, {0.111667, 0.583333, 0.922500}},
      {CategoricalHinge{}, kNumbers, kHot, 1.212500, {0.000000, 0.350000, 0.487500}},
      {KLDivergence{}, kShares, kSoft, 0.039616, {-0.450000, -0.225000, -0.200000}},
      {Poisson{}, kShares, kSoft, 0.525801, {-0.006250, -0.002083, 0.008333}},
      {MeanSquaredError{}, kNumbers, kSoft, 0.694583, {0.390000, 0.326667, 0.749167}},
      {MeanAbsoluteError{}, kNumbers, kSoft, 0.654167, {0.300000, 0.166667, 0.279167}},
      {MeanAbsolutePercentageError{}, kNumbers, kSoft, 308.333313, {77.083328, 80.555550, 171.527756}},
      {MeanSquaredLogarithmicError{}, kShares, kSoft, 0.004175, {-0.004748, -0.001041, 0.001655}},
      {Huber{.delta = 0.7}, kNumbers, kSoft, 0.271042, {0.195000, 0.088333, 0.196250}},
      {LogCosh{}, kNumbers, kSoft, 0.277027, {0.170089, 0.104576, 0.231447}},
      {CosineSimilarity{}, kNumbers, kSoft, -0.473266, {-0.097830, 0.102155, -0.004325}},
      {Dice{}, kShares, kHot, 0.514062, {-0.109922, -0.025908, -0.044639}},
      {Tversky{.alpha = 0.3, .beta = 0.7}, kShares, kHot, 0.514062, {-0.088266, 0.007479, -0.027494}},
      {CategoricalCrossentropy{.from_logits = true, .label_smoothing = 0.2}, kNumbers, kHot, 1.183202, {-0.108526, 0.275853, 0.347829}},
      // PyTorch's formulae, and numbers that PyTorch 2.15 computed.
      {CategoricalCrossentropy{.from_logits = true, .convention = Convention::pytorch}, kNumbers, kHot, 1.312231, {-0.230696, 0.372404, 0.407043}},
      {KLDivergence{Convention::pytorch}, kNumbers, kSoft, -0.425929, {-0.2025, 0.038333, -0.040833}},
      {Poisson{Convention::pytorch}, kNumbers, kSoft, 1.806387, {0.979796, 0.149354, 1.137346}},
      {Poisson{.convention = Convention::pytorch, .log_input = false}, kShares, kSoft, 0.525801, {-0.006250, -0.002083, 0.008333}},
      {BinaryCrossentropy{.label_smoothing = 0.1}, kShares, kHot, 0.337356, {-0.112153, -0.046510, 0.022817}},
      // The mean squared error again, written by hand.
      {CustomLoss{[](const Tensor& y, const Tensor& z) { return mean(square(z - y), {-1}); }}, kNumbers, kSoft, 0.694583, {0.390000, 0.326667, 0.749167}},
  };
  for (size_t i = 0; i < cases.size(); ++i) expect_as_keras(cases[i], i);
}

TEST(Optimizers, StepAsKerasDoes) {
  const std::vector<std::pair<Optimizer, std::vector<double>>> cases{
      {SGD{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}, {0.128636, -0.378841, 0.189085}},
      {Adam{.learning_rate = 0.1, .amsgrad = true}, {0.604586, -0.127502, 0.178341}},
      {AdamW{.learning_rate = 0.1, .weight_decay = 0.1}, {0.571809, -0.116318, 0.177815}},
      {RMSprop{.learning_rate = 0.1, .momentum = 0.5, .centered = true}, {-0.061829, -0.172458, 0.273088}},
      {Adagrad{.learning_rate = 0.1}, {0.745559, -0.391834, 0.197942}},
      {Adadelta{.learning_rate = 1}, {0.994263, -0.494277, 0.244362}},
      {Adamax{.learning_rate = 0.1}, {0.634132, -0.186276, 0.166207}},
      {Lion{.learning_rate = 0.1}, {0.600000, -0.100000, 0.250000}},
      {SGD{.learning_rate = 0.1, .limits = {.weight_decay = 0.2, .clipnorm = 0.5}}, {0.729968, -0.438697, 0.218671}},
      {SGD{.learning_rate = 0.1, .limits = {.clipvalue = 0.3}}, {0.880000, -0.458354, 0.227049}},
      // PyTorch's formulae, and numbers that PyTorch 2.15 computed.
      {SGD{.learning_rate = 0.1, .momentum = 0.9, .limits = {.weight_decay = 0.2}, .convention = Convention::pytorch, .dampening = 0.3},
       {0.251512, -0.355097, 0.175504}},
      {Adam{.learning_rate = 0.1, .epsilon = 0.1, .limits = {.weight_decay = 0.1}, .convention = Convention::pytorch},
       {0.639685, -0.270622, 0.123854}},
      {RMSprop{.learning_rate = 0.1, .momentum = 0.5, .epsilon = 0.01, .convention = Convention::pytorch},
       {-0.011954, -0.102480, 0.178204}},
      {Adagrad{.learning_rate = 0.1, .epsilon = 0.1, .convention = Convention::pytorch}, {0.762403, -0.413402, 0.205823}},
      {Adamax{.learning_rate = 0.1, .epsilon = 0.1, .convention = Convention::pytorch}, {0.664923, -0.315426, 0.154181}},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    Model model = scaling({1, -0.5f, 0.25f});
    model.compile(cases[i].first, MeanSquaredError{});
    model.fit(kNumbers, kSoft, whole_batch(4));
    for (int64_t k = 0; k < 3; ++k)
      EXPECT_NEAR(model.weight("scale/w").at(k), cases[i].second[static_cast<size_t>(k)], 2e-5) << "case " << i;
  }
}

TEST(Optimizers, NumbersThatMakeNoSenseAreFaultsAndChangeNothing) {
  Model model = scaling({1});
  model.compile(SGD{.learning_rate = 0.5}, MeanSquaredError{});
  expect_contains(fault_of([&] { model.compile(Adam{.beta_1 = 1.5}, MeanSquaredError{}); }), {"beta_1 is 1.5"});
  expect_contains(fault_of([&] { model.compile(SGD{.limits = {.clipnorm = 1, .clipvalue = 1}}, MeanSquaredError{}); }),
                  {"only one of clipnorm"});
  expect_contains(fault_of([&] { model.compile(SGD{.dampening = 0.5}, MeanSquaredError{}); }), {"dampening", "PyTorch"});
  expect_contains(fault_of([&] { model.compile(SGD{}, Huber{.delta = 0}); }), {"Huber", "delta is 0"});
  expect_contains(fault_of([&] { model.compile(SGD{}, CategoricalCrossentropy{.from_logits = true, .label_smoothing = 2}); }),
                  {"label_smoothing is 2"});
  expect_contains(fault_of([&] { model.compile(SGD{}, MeanSquaredError{}, {TopKAccuracy{.k = 0}}); }), {"k is 0"});
  expect_contains(fault_of([&] { model.compile(SGD{}, CustomLoss{}); }), {"CustomLoss has no function"});
  EXPECT_EQ(model.learning_rate(), 0.5);
}

struct MetricCase {
  Metric metric;
  double plain, weighted;
};

void expect_metrics(const Loss& loss, const Array& x, const Array& y, const Array& weights,
                    const std::vector<MetricCase>& cases) {
  for (size_t i = 0; i < cases.size(); ++i) {
    Model model = scaling(std::vector<float>(static_cast<size_t>(x.shape()[1]), 1));
    model.compile(SGD{}, loss, {cases[i].metric}, {cases[i].metric});
    // In batches, for values run on.
    const Evaluation values = model.evaluate({x, y}, {.batch_size = 3, .sample_weight = weights, .verbose = Verbose::silent});
    EXPECT_NEAR(values[1], cases[i].plain, 1e-6) << "metric " << i;
    EXPECT_NEAR(values[2], cases[i].weighted, 1e-6) << "metric " << i;
  }
}

TEST(Metrics, OfBinaryOutputsAreKeras) {
  const Array x({6, 1}, std::vector<float>{0.1f, 0.4f, 0.35f, 0.8f, 0.65f, 0.9f});
  const Array y({6, 1}, std::vector<float>{0, 0, 1, 1, 0, 1}), weights({6}, std::vector<float>{1, 2, 1, 0.5f, 1, 3});
  expect_metrics(BinaryCrossentropy{}, x, y, weights,
                 {{AUC{}, 0.777778, 0.8333334},
                  {AUC{.curve = AUC::Curve::pr}, 0.8512377, 0.9045995},
                  {Precision{.threshold = 0.3}, 0.6, 0.6},
                  {Recall{.threshold = 0.7}, 0.6666667, 0.7777778},
                  {F1Score{}, 0.6666667, 0.7777777},
                  // By hand: Keras cuts weights down to integers here.
                  {MeanIoU{}, 0.5, (3.5 / 5.5 + 3.0 / 5) / 2}});
}

TEST(Metrics, OfRowsOfClassesAreKeras) {
  using Average = F1Score::Average;
  expect_metrics(CategoricalCrossentropy{}, kShares, kHot, kWeights,
                 {{F1Score{}, 0.7777778, 1},
                  {F1Score{.average = Average::micro}, 0.75, 1},
                  {F1Score{.average = Average::weighted}, 0.75, 1},
                  {MeanIoU{}, 0.6666667, 1},
                  {RootMeanSquaredError{}, 0.4813176, 0.2980093},
                  {CosineSimilarityMetric{}, 0.6250191, 0.8733624},
                  {TopKAccuracy{.k = 2}, 1, 1}});
}

TEST(Metrics, OfYourOwnAndNamesThatAreTaken) {
  Model model = scaling({1, 1, 1});
  const CustomMetric greatest{"greatest", [](const Array&, const Array& outputs) {
                                double most = 0;
                                for (int64_t i = 0; i < outputs.size(); ++i) most = std::max(most, outputs.at(i));
                                return most;
                              }};
  model.compile(SGD{}, CategoricalCrossentropy{}, {greatest, TopKAccuracy{.k = 1}, TopKAccuracy{.k = 2}}, {TopKAccuracy{}});
  const Evaluation values = model.evaluate({kShares, kHot}, {.verbose = Verbose::silent});
  EXPECT_NEAR(values.logs.at("greatest"), 0.9, 1e-6);
  for (const char* name : {"top_k_accuracy", "top_k_accuracy_1", "weighted_top_k_accuracy"})
    EXPECT_EQ(values.logs.count(name), 1u) << name;
}

TEST(Metrics, ThatDoNotGoWithTheLossAreFaults) {
  Sequential model({Input({2}), Dense(3)});
  expect_contains(fault_of([&] {
                    model.compile(SGD{}, SparseCategoricalCrossentropy{.from_logits = true}, {MeanSquaredErrorMetric{}});
                  }),
                  {"mean_squared_error", "number classes"});
  expect_contains(fault_of([&] { model.compile(SGD{}, BinaryCrossentropy{.from_logits = true}, {Precision{.threshold = 1.5}}); }),
                  {"threshold is 1.5"});
}

TEST(LearningRates, FollowKerasSchedules) {
  const std::vector<std::pair<LearningRate, std::vector<double>>> cases{
      {CosineDecay{0.1, 10, 0.1, 0.5, 4}, {0.1, 0.3, 0.5, 0.407252, 0.061012, 0.05}},
      {PolynomialDecay{0.1, 10, 0.01, 2}, {0.1, 0.0676, 0.0424, 0.0181, 0.01, 0.01}},
      {PolynomialDecay{0.1, 10, 0.01, 1, true}, {0.1, 0.082, 0.064, 0.037, 0.0415, 0.01}},
      {CosineDecayRestarts{0.1, 5, 2, 0.5, 0.1}, {0.1, 0.068906, 0.018594, 0.050703, 0.014297, 0.013295}},
      {InverseTimeDecay{0.1, 5, 0.5, true}, {0.1, 0.1, 0.1, 0.066667, 0.05, 0.025}},
  };
  const std::vector<int64_t> steps{0, 2, 4, 7, 13, 30};
  for (size_t i = 0; i < cases.size(); ++i)
    for (size_t k = 0; k < steps.size(); ++k)
      EXPECT_NEAR(cases[i].first.at(steps[k]), cases[i].second[k], 1e-6) << "schedule " << i << " step " << steps[k];
}

}  // namespace

// What training leaves behind, what it takes up again, and what a public call that fails does not change.
#include <gtest/gtest.h>

#include <cmath>

#include "cnnc/cnnc.h"
#include "tests/dsl/compiled_programs.h"
#include "tests/dsl/faults.h"

using namespace cnnc;

namespace {

Dataset points(int64_t count) {
  Array x = Array::zeros<float>({count, 2}), y = Array::zeros<int32_t>({count});
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k < 2; ++k)
      x.mutable_data<float>()[2 * i + k] = std::sin(static_cast<float>(i) * (k == 0 ? 1.7f : 2.9f));
    y.mutable_data<int32_t>()[i] = x.at(2 * i) + 2 * x.at(2 * i + 1) > 0.3;
  }
  return {x, y};
}

Model classifier() {
  set_random_seed(3);
  Sequential model({Input({2}), Dense(8, tanh), Dense(2)});
  model.compile(Adam{.learning_rate = 0.05}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
  return model;
}

FitOptions quiet(int epochs) { return {.epochs = epochs, .verbose = Verbose::silent}; }
const EvaluateOptions kQuiet{.verbose = Verbose::silent};

TEST(Programs, AreCompiledOnceForAllCalls) {
  Model model = classifier();
  model.fit(points(64), quiet(1));
  EXPECT_EQ(compiled_programs(model), 1);
  model.fit(points(64), quiet(2));
  model.evaluate(points(32), kQuiet);
  EXPECT_EQ(compiled_programs(model), 2);
  model.fit(points(64), quiet(1));
  model.evaluate(points(64), kQuiet);
  model.set_weight("dense/bias", Array::zeros<float>({8}));
  model.train_on_batch(points(32).x, points(32).y);
  EXPECT_EQ(compiled_programs(model), 2);
  model.fit(points(40), quiet(1));  // a smaller last batch
  EXPECT_EQ(compiled_programs(model), 3);
}

TEST(Programs, FollowWhatIsFrozen) {
  Model model = classifier();
  model.fit(points(64), quiet(1));
  EXPECT_EQ(model.set_trainable("dense/", false), 2);
  const double frozen = model.weight("dense/kernel").at(0), head = model.weight("dense_1/kernel").at(0);
  model.fit(points(64), quiet(1));
  EXPECT_EQ(model.weight("dense/kernel").at(0), frozen);
  EXPECT_NE(model.weight("dense_1/kernel").at(0), head);
  const double loss = model.evaluate(points(64), kQuiet)[0];
  model.set_weight("dense/kernel", Array::zeros<float>({2, 8}));
  EXPECT_NE(model.evaluate(points(64), kQuiet)[0], loss);
}

TEST(Weights, SetInACallbackTakeEffect) {
  Model model = classifier();
  model.compile(SGD{}, SparseCategoricalCrossentropy{.from_logits = true});  // no momentum
  FitOptions options = quiet(3);
  // Zeros everywhere stay zeros but for the last bias: no gradient passes.
  options.callbacks = {LambdaCallback({.on_epoch_end = [](Model& m, int epoch, const Logs&) {
    if (epoch == 0)
      for (const std::string& name : m.weight_names()) m.set_weight(name, Array::zeros<float>(m.weight(name).shape()));
  }})};
  model.fit(points(64), options);
  EXPECT_EQ(model.weight("dense/kernel").at(0), 0);
  EXPECT_EQ(model.weight("dense_1/kernel").at(0), 0);
  EXPECT_NE(model.weight("dense_1/bias").at(0), 0);
}

TEST(Weights, AreThePresentOnesInEveryBatch) {
  Model model = classifier();
  std::vector<double> seen;
  FitOptions options = quiet(1);
  options.callbacks = {LambdaCallback(
      {.on_batch_end = [&](Model& m, int64_t, const Logs&) { seen.push_back(m.weight("dense/kernel").at(0)); }})};
  model.fit(points(96), options);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_NE(seen[0], seen[1]);
  EXPECT_EQ(seen[2], model.weight("dense/kernel").at(0));
}

TEST(Weights, ThatSomebodyKeepsDoNotChange) {
  Model model = classifier();
  const Array kept = model.weight("dense/kernel");
  const double before = kept.at(0);
  const Array first = model.predict(points(4).x);
  model.fit(points(96), quiet(2));
  EXPECT_EQ(kept.at(0), before);
  EXPECT_NE(model.weight("dense/kernel").at(0), before);
  EXPECT_NE(model.predict(points(4).x).at(0), first.at(0));
}

TEST(Fit, EpochsBeginWhereTheyAreTold) {
  Model model = classifier();
  FitOptions options = quiet(5);
  options.initial_epoch = 3;
  EXPECT_EQ(model.fit(points(64), options).epoch, (std::vector<int>{3, 4}));
  options = quiet(5);
  options.validation_data = points(16);
  options.validation_freq = 2;
  EXPECT_EQ(model.fit(points(64), options).history.at("val_loss").size(), 2u);
}

TEST(Fit, FrozenBatchNormalizationUsesItsRunningStatistics) {
  set_random_seed(1);
  BatchNormalization norm;
  const Tensor x = input({2});
  Model model(x, Dense(2)(norm(x)));
  model.compile(SGD{}, SparseCategoricalCrossentropy{.from_logits = true});
  norm.trainable(false);
  const double loss = model.evaluate(points(32), kQuiet)[0];
  const Evaluation trained = model.train_on_batch(points(32).x, points(32).y);
  EXPECT_NEAR(trained[0], loss, 1e-6);
  EXPECT_EQ(model.weight("batch_normalization/moving_mean").at(0), 0);
  norm.trainable(true);
  model.train_on_batch(points(32).x, points(32).y);
  EXPECT_NE(model.weight("batch_normalization/moving_mean").at(0), 0);
}

TEST(Warnings, OfProbabilitiesLogitsAndSortedData) {
  const auto compiled = [](const Activation& activation, bool from_logits) {
    testing::internal::CaptureStderr();
    Sequential model({Input({2}), Dense(2, activation)});
    model.compile(SGD{}, SparseCategoricalCrossentropy{.from_logits = from_logits});
    return testing::internal::GetCapturedStderr();
  };
  expect_contains(compiled(softmax, true), {"warning", "Softmax", "from_logits = true: leave out"});
  expect_contains(compiled(linear, false), {"warning", "takes probabilities"});
  EXPECT_EQ(compiled(linear, true), "");
  EXPECT_EQ(compiled(softmax, false), "");
  Model model = classifier();
  Dataset sorted = points(20);
  for (int64_t i = 0; i < 20; ++i) sorted.y.mutable_data<int32_t>()[i] = i >= 15;
  FitOptions options = quiet(1);
  options.validation_split = 0.25;
  testing::internal::CaptureStderr();
  model.fit(sorted, options);
  expect_contains(testing::internal::GetCapturedStderr(), {"warning", "class 1", "shuffle"});
}

// Every weight of a model, to see that nothing has changed.
std::vector<double> all_weights(const Model& model) {
  std::vector<double> all;
  for (const std::string& name : model.weight_names())
    for (int64_t i = 0; i < model.weight(name).size(); ++i) all.push_back(model.weight(name).at(i));
  return all;
}

TEST(Failures, OfCallsChangeNothing) {
  Model model = classifier();
  model.fit(points(64), quiet(1));
  const std::vector<double> before = all_weights(model);
  const Dataset good = points(64);
  Dataset bad = points(64);
  bad.y.mutable_data<int32_t>()[50] = 7;
  FitOptions options = quiet(1);
  options.initial_epoch = -1;
  const std::vector<std::function<void()>> calls{
      [&] { model.compile(SGD{.learning_rate = -1}, MeanSquaredError{}); },
      [&] { model.compile(SGD{}, MeanSquaredError{}, {Precision{.threshold = 2}}); },
      [&] { model.fit(bad, quiet(1)); },
      [&] { model.fit(good, options); },
      [&] { model.fit({good.x, good.y.slice(0, 5)}, quiet(1)); },
      [&] { model.evaluate(bad, kQuiet); },
      [&] { model.train_on_batch(good.x, bad.y); },
      [&] { model.predict(Array::zeros<float>({3, 5})); },
      [&] { model.set_weight("dense/kernel", Array::zeros<float>({8, 2})); },
      [&] { model.set_weight("nothing", Array::zeros<float>({8})); },
      [&] { model.load_checkpoint("/nowhere/at/all"); },
      [&] { model.save("/nowhere/at/all.onnx"); },
      [&] { model.set_learning_rate(-1); },
  };
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_NE(fault_of(calls[i]), "") << "call " << i;
    EXPECT_EQ(all_weights(model), before) << "call " << i;
  }
  EXPECT_NEAR(model.learning_rate(), 0.05, 1e-12);
  model.fit(good, quiet(1));
  Model same = classifier();
  same.fit(good, quiet(1));
  same.fit(good, quiet(1));
  EXPECT_EQ(all_weights(model), all_weights(same));
}

TEST(Failures, OfCallbacksLeaveTheStepsThatWereDone) {
  Model model = classifier();
  FitOptions options = quiet(4);
  options.shuffle = false;
  options.callbacks = {LambdaCallback({.on_epoch_end = [](Model&, int epoch, const Logs&) {
    if (epoch == 1) throw std::runtime_error("enough");
  }})};
  EXPECT_EQ(fault_of([&] { model.fit(points(64), options); }), "enough");
  Model two = classifier();
  options = quiet(2);
  options.shuffle = false;
  two.fit(points(64), options);
  EXPECT_EQ(all_weights(model), all_weights(two));
}

TEST(Failures, OfLayersLeaveNoWeights) {
  const Conv2D layer(4, {5, 5});
  EXPECT_NE(fault_of([&] { layer(input({1, 3, 3})); }), "");
  EXPECT_TRUE(layer.weights().empty());
  EXPECT_EQ(layer(input({2, 8, 8})).shape(), (Shape{-1, 4, 4, 4}));
}

}  // namespace

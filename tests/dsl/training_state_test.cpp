// What training leaves behind, what it takes up again, and what a public call that fails does not change.
#include <gtest/gtest.h>

#include "cnnc/cnnc.h"
#include "tests/dsl/compiled_programs.h"
#include "tests/dsl/faults.h"
#include "tests/dsl/points.h"

using namespace cnnc;

namespace {

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
  for (const int64_t count : {33, 47, 63}) model.fit(points(count), quiet(1));
  EXPECT_EQ(compiled_programs(model), 3);
  model.evaluate(points(33), kQuiet);
  EXPECT_EQ(compiled_programs(model), 4);
  for (const int64_t count : {34, 63}) model.evaluate(points(count), kQuiet);
  EXPECT_EQ(compiled_programs(model), 4);
}

// The last batch has 7 samples: once as the remainder of 39, once as a batch by itself.
TEST(Programs, ForAnySizeComputeTheSame) {
  const auto trained = [](const std::function<void(Model&)>& fit) {
    set_random_seed(2);
    const Tensor x = input({2});
    Tensor y = reshape(Dense(32, relu)(x), {2, 4, 4});
    y = batch_normalization(conv2d(y, 3, {3, 3}, Padding::same));
    y = concatenate({flatten(max_pool2d(y)), LSTM(3)(reshape(y, {16, 3}))});
    Model model(x, Dense(2)(y));
    model.compile(SGD{.learning_rate = 0.1}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
    fit(model);
    return model;
  };
  const Dataset data = points(39);
  Model one = trained([&](Model& model) {
    FitOptions options = quiet(1);
    options.shuffle = false;
    model.fit(data, options);
    EXPECT_EQ(compiled_programs(model), 2);
  });
  Model other = trained([&](Model& model) {
    model.train_on_batch(data.x.slice(0, 32), data.y.slice(0, 32));
    model.train_on_batch(data.x.slice(32, 39), data.y.slice(32, 39));
  });
  for (const std::string& name : one.weight_names())
    for (int64_t i = 0; i < one.weight(name).size(); ++i)
      ASSERT_NEAR(one.weight(name).at(i), other.weight(name).at(i), 2e-5) << name;
  const Evaluation a = one.evaluate(data, kQuiet), b = one.test_on_batch(data.x, data.y);
  EXPECT_NEAR(a[0], b[0], 1e-5);
  EXPECT_EQ(a[1], b[1]);
}

TEST(Programs, TakeSequencesOfAnyLength) {
  set_random_seed(2);
  const Tensor words = input({-1}, {.type = InputType::i32});
  Model model(words, Dense(2)(GRU(4)(Embedding(5, 3)(words))));
  model.compile(Adam{}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
  for (const int64_t length : {3, 7}) {
    const Array x = Array::zeros<int32_t>({40, length}), y = Array::zeros<int32_t>({40});
    const History history = model.fit(x, y, quiet(2));
    EXPECT_LT(history.history.at("loss")[1], history.history.at("loss")[0]) << length;
    EXPECT_NEAR(model.evaluate({x, y}, kQuiet)[0], model.test_on_batch(x, y)[0], 1e-5);
    EXPECT_EQ(model.predict(x).shape(), (Shape{40, 2}));
  }
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

// A generator and a discriminator: each one trains, and neither changes the other one's weights.
TEST(Programs, OfModelsThatShareWeightsAreKept) {
  set_random_seed(6);
  Sequential generator({Input({3}), Dense(8, tanh), BatchNormalization(), Dense(2)});
  Sequential discriminator({Input({2}), Dense(8, tanh), BatchNormalization(), Dense(1)});
  const BinaryCrossentropy loss{.from_logits = true};
  discriminator.compile(Adam{}, loss);
  const Tensor noise = input({3});
  Model both(noise, discriminator.as_layer().named("judge").trainable(false)(generator.as_layer()(noise)));
  both.compile(Adam{}, loss);
  const Array seeds = Array({32, 3}, std::vector<float>(96, 0.5f)), real = points(32).x;
  const Array yes({32, 1}, std::vector<float>(32, 1)), no = Array::zeros<float>({32, 1});
  for (int i = 0; i < 4; ++i) {
    const double before = generator.weight("dense/kernel").at(0), judge = discriminator.weight("dense/kernel").at(0);
    discriminator.train_on_batch(real, yes);
    discriminator.train_on_batch(generator.predict(seeds), no);
    EXPECT_EQ(generator.weight("dense/kernel").at(0), before);
    const double trained = discriminator.weight("dense/kernel").at(0);
    EXPECT_NE(trained, judge);
    const double expected = discriminator.test_on_batch(generator.predict(seeds), yes)[0];
    EXPECT_NEAR(both.test_on_batch(seeds, yes)[0], expected, 1e-5);
    both.train_on_batch(seeds, yes);
    EXPECT_NE(generator.weight("dense/kernel").at(0), before);
    EXPECT_EQ(discriminator.weight("dense/kernel").at(0), trained);
  }
  EXPECT_EQ(compiled_programs(discriminator), 2);
  EXPECT_EQ(compiled_programs(both), 4);  // two with constants, two that are given what the other model has learned
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

// What compile() writes to the standard error for a model that ends so.
std::string warnings_of(const std::vector<Layer>& end, const Loss& loss) {
  testing::internal::CaptureStderr();
  std::vector<Layer> layers{Input({2, 3})};
  layers.insert(layers.end(), end.begin(), end.end());
  Sequential model(layers);
  model.compile(SGD{}, loss);
  return testing::internal::GetCapturedStderr();
}

TEST(Warnings, OfProbabilitiesAndLogits) {
  const Loss logits = SparseCategoricalCrossentropy{.from_logits = true}, probabilities = SparseCategoricalCrossentropy{};
  const std::vector<std::string> twice{"warning", "Softmax", "from_logits = true: leave out"};
  expect_contains(warnings_of({Flatten(), Dense(2, softmax)}, logits), twice);
  expect_contains(warnings_of({Dense(3, softmax), Reshape({3, 2}), Permute({2, 1})}, logits), twice);
  expect_contains(warnings_of({Dense(2, sigmoid)}, BinaryCrossentropy{.from_logits = true}), {"warning", "Sigmoid"});
  for (const std::vector<Layer>& linear : std::vector<std::vector<Layer>>{
           {Flatten(), Dense(2)}, {Dense(2)}, {Dense(2), Flatten()}, {Conv1D(2, 1)}, {Dense(2, {.use_bias = false})}})
    expect_contains(warnings_of(linear, probabilities), {"warning", "takes probabilities", "linear layer"});
}

TEST(Warnings, AreSilentWhereTheyCouldBeWrong) {
  const Loss logits = SparseCategoricalCrossentropy{.from_logits = true}, probabilities = SparseCategoricalCrossentropy{};
  EXPECT_EQ(warnings_of({Flatten(), Dense(2)}, logits), "");
  EXPECT_EQ(warnings_of({Flatten(), Dense(2, softmax)}, probabilities), "");
  EXPECT_EQ(warnings_of({Dense(2, softmax), Flatten()}, probabilities), "");
  EXPECT_EQ(warnings_of({Dense(2, sigmoid), GlobalAveragePool1D()}, BinaryCrossentropy{}), "");
  const Layer product("Product", [](const Tensor& x) { return softmax(x) * sigmoid(x); });
  EXPECT_EQ(warnings_of({Flatten(), Dense(2), product}, probabilities), "");
  EXPECT_EQ(warnings_of({Flatten(), Dense(2)}, MeanSquaredError{}), "");
}

TEST(Warnings, OfSortedData) {
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

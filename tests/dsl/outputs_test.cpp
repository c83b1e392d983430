// Models of several inputs and outputs, and steps by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "cnnc/cnnc.h"
#include "tests/dsl/faults.h"
#include "tests/dsl/points.h"

using namespace cnnc;

namespace {

// Two inputs; output "a" is a class, output "b" a number.
Model two_headed() {
  set_random_seed(5);
  const Tensor left = input({3}, {.name = "left"}), right = input({2}, {.name = "right"});
  const Tensor x = Dense(6, tanh)(concatenate({left, right}));
  return Model({left, right}, {Dense(2).named("a")(x), Dense(1).named("b")(x)});
}

Samples samples(int64_t count) {
  const Array left = numbers({count, 3}, 1.3), right = numbers({count, 2}, 0.7);
  Array label = Array::zeros<int32_t>({count}), size = Array::zeros<float>({count, 1});
  for (int64_t i = 0; i < count; ++i) {
    label.mutable_data<int32_t>()[i] = left.at(3 * i) > right.at(2 * i);
    size.mutable_data<float>()[i] = static_cast<float>(left.at(3 * i + 1) - right.at(2 * i + 1));
  }
  return {{left, right}, {label, size}};
}

const OutputGoal kClass{.loss = SparseCategoricalCrossentropy{.from_logits = true}, .metrics = {Accuracy{}}};
const OutputGoal kSize{.loss = MeanSquaredError{}, .weight = 0.5, .metrics = {MeanAbsoluteErrorMetric{}}};

TEST(Outputs, LearnTogetherUnderKerasNames) {
  Model model = two_headed();
  EXPECT_EQ(model.output_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(model.input_names(), (std::vector<std::string>{"left", "right"}));
  model.compile(Adam{.learning_rate = 0.02}, {kClass, kSize});
  FitOptions options = quiet(30);
  options.validation_split = 0.25;
  const History history = model.fit(samples(200), options);
  for (const char* name : {"loss", "a_loss", "b_loss", "a_accuracy", "b_mean_absolute_error", "val_loss", "val_a_loss",
                           "val_b_loss", "val_a_accuracy", "val_b_mean_absolute_error"})
    ASSERT_EQ(history.history.count(name), 1u) << name;
  const auto last = [&](const char* name) { return history.history.at(name).back(); };
  EXPECT_NEAR(last("loss"), last("a_loss") + 0.5 * last("b_loss"), 1e-5);
  EXPECT_GT(last("a_accuracy"), 0.9);
  EXPECT_LT(last("b_loss"), 0.2 * history.history.at("b_loss").front());
  const Evaluation values = model.evaluate(samples(64), {.verbose = Verbose::silent});
  ASSERT_EQ(values.size(), 5u);
  EXPECT_EQ(values[0], values.logs.at("loss"));
  EXPECT_EQ(values[1], values.logs.at("a_loss"));
  EXPECT_EQ(values[4], values.logs.at("b_mean_absolute_error"));
  const Arrays outputs = model.predict(samples(7).x);
  EXPECT_EQ(outputs[0].shape(), (Shape{7, 2}));
  EXPECT_EQ(outputs[1].shape(), (Shape{7, 1}));
}

// d(loss a + 1/2 loss b) by hand: two linear heads of one number.
TEST(Outputs, GradientsAreTheWeightedSum) {
  const Tensor x = input({1});
  const Dense first(1, {.use_bias = false, .kernel_initializer = ones}), second(1, {.use_bias = false, .kernel_initializer = ones});
  const Tensor y = first(x);
  Model model({x}, {y, second(y)});
  model.compile(SGD{.learning_rate = 0.1}, {{.loss = MeanSquaredError{}}, {.loss = MeanSquaredError{}, .weight = 0.5}});
  // Sample 2 with targets 3 and 5: errors -1 and -3.
  const Array in({1, 1}, std::vector<float>{2}), a({1, 1}, std::vector<float>{3}), b({1, 1}, std::vector<float>{5});
  const Evaluation values = model.train_on_batch(in, {a, b});
  EXPECT_NEAR(values[0], 1 + 0.5 * 9, 1e-6);
  EXPECT_NEAR(first.weights()[0].at(0), 1 - 0.1 * (2 * -1 * 2 + 0.5 * 2 * -3 * 2), 1e-6);
  EXPECT_NEAR(second.weights()[0].at(0), 1 - 0.1 * (0.5 * 2 * -3 * 2), 1e-6);
}

TEST(Outputs, WithoutAGoalLearnNothing) {
  Model model = two_headed();
  model.compile(SGD{}, {{"b", kSize}});
  const double before = model.weight("a/kernel").at(0), head = model.weight("b/kernel").at(0);
  const Samples all = samples(32);
  const History history = model.fit(all.x, all.y[1], quiet(1));
  EXPECT_EQ(history.history.count("b_mean_absolute_error"), 1u);
  EXPECT_EQ(model.weight("a/kernel").at(0), before);
  EXPECT_NE(model.weight("b/kernel").at(0), head);
}

TEST(Outputs, HaveSampleWeightsOfTheirOwn) {
  Model model = two_headed();
  model.compile(SGD{}, {kClass, kSize});
  const double a = model.weight("a/kernel").at(0), b = model.weight("b/kernel").at(0);
  FitOptions options = quiet(1);
  const Array none = Array::zeros<float>({32});
  options.sample_weight = {none, Array({32}, std::vector<float>(32, 1))};
  model.fit(samples(32), options);
  EXPECT_EQ(model.weight("a/kernel").at(0), a);
  EXPECT_NE(model.weight("b/kernel").at(0), b);
}

TEST(Outputs, HaveClassWeightsByTheirNames) {
  const Samples data = samples(16);
  Array weights = Array::zeros<float>({16}), one = Array::zeros<float>({16});
  for (int64_t i = 0; i < 16; ++i) {
    weights.mutable_data<float>()[i] = data.y[0].at(i) == 1 ? 3.0f : 0.5f;
    one.mutable_data<float>()[i] = 1;
  }
  Model by_class = two_headed(), by_sample = two_headed();
  for (Model* model : {&by_class, &by_sample}) model->compile(SGD{}, {kClass, kSize});
  FitOptions options = quiet(1);
  options.class_weight = {{"a", {{0, 0.5}, {1, 3.0}}}};
  by_class.fit(data, options);
  options = quiet(1);
  options.sample_weight = {weights, one};
  by_sample.fit(data, options);
  for (const std::string& name : by_class.weight_names())
    EXPECT_EQ(by_class.weight(name).at(0), by_sample.weight(name).at(0)) << name;
}

TEST(Outputs, FaultsSayWhatDoesNotFit) {
  Model model = two_headed();
  expect_contains(fault_of([&] { model.compile(SGD{}, MeanSquaredError{}); }), {"2 outputs", "goals for 1"});
  expect_contains(fault_of([&] { model.compile(SGD{}, {{"c", kSize}}); }),
                  {"no output 'c'", "a, b"});
  model.compile(SGD{}, {kClass, kSize});
  const Samples good = samples(8);
  expect_contains(fault_of([&] { model.fit(good.x[0], good.y); }), {"2 inputs", "1 arrays"});
  expect_contains(fault_of([&] { model.fit(good.x, good.y[0]); }), {"1 arrays of labels for 2 outputs"});
  expect_contains(fault_of([&] { model.fit({good.x[0], good.x[1].slice(0, 5)}, good.y); }), {"8 samples and 5"});
  FitOptions options = quiet(1);
  options.class_weight = {{0, 2}};
  expect_contains(fault_of([&] { model.fit(good, options); }), {"class_weight", "one output", "the model learns a, b"});
  options.class_weight = {{"c", {{0, 2.0}}}};
  expect_contains(fault_of([&] { model.fit(good, options); }), {"class_weight names output 'c'", "a, b"});
  options = quiet(1);
  options.sample_weight = {Array({8}, std::vector<float>(8)), Array({8}, std::vector<float>(8)), Array({8}, std::vector<float>(8))};
  expect_contains(fault_of([&] { model.fit(good, options); }), {"sample_weight has 3 arrays for 2 outputs"});
}

// Classes of pixels: along the channels, or along the last axis behind a Permute.
TEST(Outputs, OfPixelsHaveTheirClassesAlongTheChannels) {
  const auto trained = [](bool permuted, const Shape& label_shape) {
    set_random_seed(2);
    const Tensor x = input({2, 4, 5});
    const Tensor y = conv2d(x, 3, 1);
    Model model(x, permuted ? Permute({2, 3, 1})(y) : y);
    model.compile(SGD{.learning_rate = 0.5}, SparseCategoricalCrossentropy{.from_logits = true},
                  {Accuracy{}, TopKAccuracy{2}, MeanIoU{}});
    std::vector<int32_t> labels(6 * 4 * 5);
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i * i % 3);
    FitOptions options = quiet(3);
    return model.fit(numbers({6, 2, 4, 5}, 1.3), Array(label_shape, labels), options).history;
  };
  const auto last = trained(true, {6, 4, 5}), channels = trained(false, {6, 4, 5}), kept = trained(false, {6, 1, 4, 5});
  for (const char* name : {"loss", "accuracy", "top_k_accuracy", "mean_io_u"}) {
    ASSERT_EQ(channels.count(name), 1u) << name;
    for (size_t epoch = 0; epoch < 3; ++epoch) {
      EXPECT_NEAR(channels.at(name)[epoch], last.at(name)[epoch], 1e-6) << name;
      EXPECT_EQ(kept.at(name)[epoch], channels.at(name)[epoch]) << name;
    }
  }
  expect_fault([&] { trained(false, {6, 5, 4}); }, {"i32[6,5,4]", "f32[batch,3,4,5]", "one class"});
}

TEST(ByHand, StepsAreThoseOfFit) {
  Model one = two_headed(), other = two_headed();
  for (Model* model : {&one, &other}) model->compile(Adam{}, {kClass, kSize});
  const Samples all = samples(64);
  FitOptions options = quiet(1);
  options.shuffle = false;
  one.fit(all, options);
  for (int64_t begin : {0, 32}) {
    ArrayList x, y;
    for (const Array& array : all.x) x.push_back(array.slice(begin, begin + 32));
    for (const Array& array : all.y) y.push_back(array.slice(begin, begin + 32));
    other.train_on_batch(x, y);
  }
  for (const std::string& name : one.weight_names())
    for (int64_t i = 0; i < one.weight(name).size(); ++i) ASSERT_EQ(one.weight(name).at(i), other.weight(name).at(i)) << name;
  const Evaluation a = one.test_on_batch(all.x, all.y), b = one.evaluate(all, {.batch_size = 64, .verbose = Verbose::silent});
  EXPECT_EQ(a, b);
  EXPECT_EQ(one.predict_on_batch(all.x)[1].at(5), one.predict(all.x)[1].at(5));
}

}  // namespace

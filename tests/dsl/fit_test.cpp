// compile, fit and evaluate: Keras' semantics, and faults.
#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>
#include <filesystem>

#include "cnnc/cnnc.h"
#include "tests/dsl/compiled_programs.h"
#include "tests/dsl/faults.h"
#include "tests/dsl/folder_test.h"
#include "tests/dsl/points.h"

using namespace cnnc;

namespace {

TEST(Fit, LearnsAndRemembers) {
  Model model = classifier();
  const Dataset data = points(500);
  FitOptions options = quiet(15);
  options.validation_split = 0.2;
  const History history = model.fit(data, options);
  ASSERT_EQ(history.epoch.size(), 15u);
  for (const char* name : {"loss", "accuracy", "val_loss", "val_accuracy"})
    ASSERT_EQ(history.history.at(name).size(), 15u) << name;
  EXPECT_LT(history.history.at("loss").back(), 0.3 * history.history.at("loss").front());
  EXPECT_GT(history.history.at("val_accuracy").back(), 0.95);
  const auto results = model.evaluate(points(300), {.verbose = Verbose::silent});
  EXPECT_GT(results[1], 0.95);
  const Array classes = model.predict(points(3).x).argmax();
  EXPECT_EQ(classes.at(0), points(3).y.at(0));
}

TEST(Fit, SameSeedSameBits) {
  const auto weights = [] {
    Model model = classifier();
    model.fit(points(100), quiet(2));
    return model.weight("dense/kernel");
  };
  const Array a = weights(), b = weights();
  for (int64_t i = 0; i < a.size(); ++i) EXPECT_EQ(a.at(i), b.at(i));
}

// One step of plain SGD by hand: w -= rate * d(mean squared error) / dw, over a partial batch too.
TEST(Fit, StepsAsTheFormulaSays) {
  const Dense layer(1, {.kernel_initializer = ones, .kernel_regularizer = L2(0.1)});
  const Tensor x = input({1});
  Model model(x, layer(x));
  model.compile(SGD{.learning_rate = 0.1}, MeanSquaredError{});
  const Dataset data{Array({3, 1}, std::vector<float>{1, 2, 3}), Array({3, 1}, std::vector<float>{3, 5, 7})};
  FitOptions options = quiet(1);
  options.batch_size = 2;
  options.shuffle = false;
  model.fit(data, options);
  double w = 1, b = 0;
  const auto step = [&](const std::vector<std::pair<double, double>>& batch) {
    double dw = 0.2 * w, db = 0;
    for (const auto& [in, out] : batch) {
      const double error = w * in + b - out, n = static_cast<double>(batch.size());
      dw += 2 * error * in / n;
      db += 2 * error / n;
    }
    w -= 0.1 * dw;
    b -= 0.1 * db;
  };
  step({{1, 3}, {2, 5}});
  step({{3, 7}});
  EXPECT_NEAR(model.weight("dense/kernel").at(0), w, 1e-5);
  EXPECT_NEAR(model.weight("dense/bias").at(0), b, 1e-5);
}

TEST(Fit, GoesOnWithTheOptimizersState) {
  Model once = classifier();
  once.fit(points(64), [] { FitOptions o = quiet(4); o.shuffle = false; return o; }());
  Model twice = classifier();
  FitOptions half = quiet(2);
  half.shuffle = false;
  twice.fit(points(64), half);
  twice.fit(points(64), half);
  EXPECT_EQ(once.weight("dense/kernel").at(3), twice.weight("dense/kernel").at(3));
}

TEST(Fit, FrozenLayersStay) {
  set_random_seed(3);
  Dense first(8, tanh);
  first.trainable(false);
  Sequential model({Input({2}), first, Dense(2)});
  model.compile(Adam{}, SparseCategoricalCrossentropy{.from_logits = true});
  const double before = first.weights()[0].at(0), head = model.weight("dense_1/kernel").at(0);
  model.fit(points(64), quiet(1));
  EXPECT_EQ(first.weights()[0].at(0), before);
  EXPECT_NE(model.weight("dense_1/kernel").at(0), head);
}

TEST(Fit, WeightsOfZeroAreAsIfTheSamplesWereNot) {
  Model model = classifier();
  const double before = model.weight("dense/kernel").at(0);
  FitOptions options = quiet(1);
  options.class_weight = {{0, 0.0}, {1, 0.0}};
  model.fit(points(64), options);
  EXPECT_EQ(model.weight("dense/kernel").at(0), before);
}

TEST(Fit, BatchNormalizationFollowsTheData) {
  Sequential model({Input({2}), BatchNormalization({.momentum = 0.5}), Dense(2)});
  model.compile(SGD{}, SparseCategoricalCrossentropy{.from_logits = true});
  const Dataset data{Array({4, 2}, std::vector<float>{1, 0, 3, 0, 1, 0, 3, 0}), Array({4}, std::vector<int32_t>{0, 1, 0, 1})};
  model.fit(data, quiet(1));
  EXPECT_NEAR(model.weight("batch_normalization/moving_mean").at(0), 1.0, 1e-5);
  EXPECT_NEAR(model.weight("batch_normalization/moving_variance").at(0), 1.0, 1e-5);
  EXPECT_NEAR(model.weight("batch_normalization/moving_variance").at(1), 0.5, 1e-5);
}

// A step with values that lie idle between the passes; the last batch is a smaller one.
Model trained_within(int64_t max_mem) {
  set_random_seed(1);
  Sequential model({Input({2, 8, 8}), Conv2D(4, {3, 3}, Padding::same), BatchNormalization(), LeakyReLU(),
                    Conv2D(4, {3, 3}, Padding::same), BatchNormalization(), LeakyReLU(), Flatten(), Dropout(0.2), Dense(2)});
  model.compile(Adam{.learning_rate = 0.02}, SparseCategoricalCrossentropy{.from_logits = true});
  std::vector<float> x(40 * 128);
  std::vector<int32_t> y(40);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 37 % 101) / 101;
  for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<int32_t>(i % 2);
  FitOptions options = quiet(2);
  options.max_mem = max_mem;
  model.fit({Array({40, 2, 8, 8}, x), Array({40}, y)}, options);
  return model;
}

TEST(Fit, WithinTheLeastMemoryGivesTheSameBits) {
  int64_t least = 1;
  for (int programs = 0; programs < 2; ++programs) {  // the full batch needs so much, and the last one more or less
    const std::string fault = fault_of([&] { trained_within(least); });
    if (fault.empty()) break;
    expect_contains(fault, {"at least ", "max_mem"});
    least = std::stoll(fault.substr(fault.find("at least ") + 9));
  }
  const Model free = trained_within(0), limited = trained_within(least);
  for (const std::string& name : free.weight_names())
    for (int64_t i = 0; i < free.weight(name).size(); ++i)
      ASSERT_EQ(free.weight(name).at(i), limited.weight(name).at(i)) << name;
  expect_contains(fault_of([&] { trained_within(least - 1); }), {"at least " + std::to_string(least)});
  expect_contains(fault_of([] { trained_within(-1); }), {"max_mem is -1, need 0 or more"});
}

TEST(Fit, AnotherLimitOfMemoryCompilesTheTrainingStepAnew) {
  Model model = classifier();
  FitOptions options = quiet(1);
  for (const int64_t limit : {0, 1 << 20, 1 << 20}) {
    options.max_mem = limit;
    model.fit(points(64), options);
  }
  EXPECT_EQ(compiled_programs(model), 2);
}

TEST(Fit, ConvolutionLearns) {
  set_random_seed(1);
  Sequential model({Input({1, 6, 6}), Conv2D(4, {3, 3}, Padding::same, relu), MaxPool2D({2, 2}), Flatten(), Dropout(0.1),
                    Dense(1, sigmoid)});
  model.compile(Adam{.learning_rate = 0.02}, BinaryCrossentropy{}, {Accuracy{}});
  Array x = Array::zeros<float>({200, 1, 6, 6}), y = Array::zeros<float>({200, 1});
  for (int64_t i = 0; i < 200; ++i)
    for (int64_t k = 0; k < 6; ++k) {
      const bool vertical = i % 2 == 0;
      y.mutable_data<float>()[i] = vertical;
      x.mutable_data<float>()[i * 36 + (vertical ? 6 * k + i % 5 : 6 * (i % 5) + k)] = 1;
    }
  model.fit({x, y}, quiet(20));
  EXPECT_GT(model.evaluate({x, y}, {.verbose = Verbose::silent})[1], 0.95);
}

TEST(Callbacks, EarlyStoppingRestoresTheBest) {
  Model model = classifier();
  EarlyStopping stopping({.monitor = "loss", .patience = 1, .mode = Mode::max, .restore_best_weights = true});
  auto shared = std::make_shared<EarlyStopping>(stopping);
  FitOptions options = quiet(10);
  options.callbacks = {CallbackHandle(std::shared_ptr<Callback>(shared))};
  const History history = model.fit(points(200), options);
  EXPECT_EQ(history.epoch.size(), 2u);
  EXPECT_EQ(shared->stopped_epoch(), 1);
}

class FilesTest : public FolderTest {};

TEST_F(FilesTest, ScheduleCheckpointsAndLog) {
  Model model = classifier();
  FitOptions options = quiet(3);
  options.callbacks = {LearningRateScheduler([](int epoch, double) { return epoch == 0 ? 0.01 : 0.0; }),
                       ModelCheckpoint(path("m-{epoch:02d}.onnx")), CSVLogger(path("log.csv"))};
  const History history = model.fit(points(64), options);
  EXPECT_EQ(model.learning_rate(), 0);
  const Array last = Model::load(path("m-03.onnx")).predict(points(1).x);
  EXPECT_NEAR(last.at(0), model.predict(points(1).x).at(0), 1e-6);
  EXPECT_EQ(text("log.csv").substr(0, 43), "epoch,accuracy,loss,val_accuracy,val_loss\n0");
}

TEST_F(FilesTest, CheckpointsResumeBitForBit) {
  const Dataset data = points(96);
  Model whole = classifier();
  whole.fit(data, quiet(4));
  Model first = classifier();
  first.fit(data, quiet(2));
  first.save_checkpoint(path("half"));
  Model second = classifier();
  second.set_weight("dense/bias", Array::zeros<float>({8}));
  second.load_checkpoint(path("half"));
  EXPECT_EQ(second.epochs_done(), 2);
  FitOptions rest = quiet(4);
  rest.initial_epoch = second.epochs_done();
  second.fit(data, rest);
  for (const std::string& name : whole.weight_names())
    for (int64_t i = 0; i < whole.weight(name).size(); ++i)
      ASSERT_EQ(whole.weight(name).at(i), second.weight(name).at(i)) << name;
}

// A run that is killed in its third epoch and started again, against one that nobody stops.
TEST_F(FilesTest, BackupsResumeBitForBit) {
  struct Killed {};
  const std::string backup = path("backups/state");
  const auto trained = [&](bool kill, bool interrupt, int64_t* epochs) {
    Model model = classifier();
    FitOptions options{.epochs = 5, .batch_size = 16, .verbose = Verbose::silent};
    int64_t steps = 0;
    options.callbacks = {BackupAndRestore(backup), LambdaCallback({.on_batch_end = [&](Model&, int64_t, const Logs&) {
                           if (++steps == 9 && kill) throw Killed();
                           if (steps == 9 && interrupt) raise(SIGINT);
                         }})};
    *epochs = static_cast<int64_t>(model.fit(points(64), options).epoch.size());
    return model.weight("dense/kernel");
  };
  int64_t epochs = 0;
  const Array whole = trained(false, false, &epochs);
  EXPECT_EQ(epochs, 5);
  for (const bool kill : {true, false}) {
    if (kill) EXPECT_THROW(trained(true, false, &epochs), Killed);
    else trained(false, true, &epochs);
    EXPECT_TRUE(std::filesystem::exists(backup));
    const Array resumed = trained(false, false, &epochs);
    EXPECT_EQ(epochs, 3);
    for (int64_t i = 0; i < whole.size(); ++i) EXPECT_EQ(resumed.at(i), whole.at(i));
    EXPECT_FALSE(std::filesystem::exists(backup));
  }
}

TEST(Fit, EpochsOfStepsGoOnInTheData) {
  const auto losses = [](int64_t steps, int epochs) {
    Model model = classifier();
    std::vector<double> all;
    FitOptions options{.epochs = epochs, .batch_size = 16, .verbose = Verbose::silent, .steps_per_epoch = steps};
    options.callbacks = {LambdaCallback({.on_batch_end = [&](Model& m, int64_t, const Logs&) { all.push_back(m.weight("dense/kernel").at(0)); }})};
    model.fit(points(64), options);
    return all;
  };
  const std::vector<double> whole = losses(0, 1), parts = losses(2, 2), more = losses(6, 1);
  ASSERT_EQ(whole.size(), 4u);
  EXPECT_EQ(parts, whole);  // two epochs of two steps are one pass
  ASSERT_EQ(more.size(), 6u);
  EXPECT_EQ(std::vector<double>(more.begin(), more.begin() + 4), whole);
}

TEST_F(FilesTest, WrongCheckpointsAreFaultsAndChangeNothing) {
  Model model = classifier();
  const double before = model.weight("dense/kernel").at(0);
  const Tensor x = input({3});
  Model(x, Dense(8)(x)).save_checkpoint(path("other"));
  expect_contains(fault_of([&] { model.load_checkpoint(path("other")); }), {"another model", "dense/kernel"});
  model.save_checkpoint(path("short"));
  std::filesystem::resize_file(path("short"), std::filesystem::file_size(path("short")) - 5);
  expect_contains(fault_of([&] { model.load_checkpoint(path("short")); }), {"cut short or damaged"});
  write("text", "hello");
  expect_contains(fault_of([&] { model.load_checkpoint(path("text")); }), {"another kind"});
  expect_contains(fault_of([&] { model.save_checkpoint("/nowhere/x"); }), {"/nowhere/x"});
  EXPECT_EQ(model.weight("dense/kernel").at(0), before);
}

TEST_F(FilesTest, CurvesAndEvents) {
  Model model = classifier();
  FitOptions options = quiet(2);
  options.callbacks = {TensorBoard(path("logs"))};
  const History history = model.fit(points(64), options);
  history.save_svg(path("curves.svg"));
  expect_contains(text("curves.svg"), {"<svg", "accuracy", "loss", "polyline"});
  EXPECT_FALSE(std::filesystem::exists(path("logs/validation")));
  const auto file = *std::filesystem::directory_iterator(path("logs/train"));
  EXPECT_GT(file.file_size(), 100u);
}

TEST(Metrics, ConfusionMatrixCounts) {
  const Array counts = confusion_matrix(Array({3}, std::vector<int64_t>{0, 1, 1}), Array({3}, std::vector<int64_t>{0, 0, 1}), 2);
  EXPECT_EQ(counts.at(0), 1);
  EXPECT_EQ(counts.at(2), 1);
  EXPECT_EQ(counts.at(3), 1);
}

TEST(Metrics, AreaUnderTheCurve) {
  const Tensor x = input({1});
  Model model(x, sigmoid(x));
  model.compile(SGD{}, BinaryCrossentropy{}, {AUC{}});
  const Dataset data{Array({4, 1}, std::vector<float>{-3, -1, 1, 3}), Array({4, 1}, std::vector<float>{0, 1, 0, 1})};
  EXPECT_THROW(model.fit(data, quiet(1)), std::exception);  // nothing to train
  EXPECT_NEAR(model.evaluate(data, {.verbose = Verbose::silent})[1], 0.75, 1e-6);
}

TEST(Faults, OfFit) {
  Sequential fresh({Input({2}), Dense(2)});
  expect_contains(fault_of([&] { fresh.fit(points(4)); }), {"call compile() before fit()"});
  Model model = classifier();
  expect_contains(fault_of([&] { model.fit(Dataset{}, quiet(1)); }), {"no samples"});
  Dataset wrong = points(4);
  wrong.y = Array({4}, std::vector<int32_t>{0, 1, 2, 0});
  expect_contains(fault_of([&] { model.fit(wrong, quiet(1)); }), {"label 2 of sample 2", "0 to 1"});
  wrong.y = Array({3}, std::vector<int32_t>{0, 1, 0});
  expect_contains(fault_of([&] { model.fit(wrong, quiet(1)); }), {"4 samples and 3 labels"});
  FitOptions options = quiet(1);
  options.validation_split = 0.99;
  expect_contains(fault_of([&] { model.fit(points(4), options); }), {"validation_split", "there are 4"});
}

}  // namespace

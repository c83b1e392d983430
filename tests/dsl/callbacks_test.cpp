// Callbacks decide by the values of the epochs as Keras' do; here the values are given.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "cnnc/cnnc.h"
#include "tests/dsl/faults.h"
#include "tests/dsl/folder_test.h"

using namespace cnnc;

namespace {

namespace fs = std::filesystem;

class CallbacksTest : public FolderTest {
 protected:
  CallbacksTest() : x_(input({1})), model_(x_, Dense(1, {.kernel_initializer = zeros})(x_)) {
    model_.compile(SGD{.learning_rate = 0.5}, MeanSquaredError{});
  }

  // Epochs with these values of `name`; the kernel is the number of the epoch from 1.
  template <typename C, typename Each = void (*)(int)>
  void run(C& callback, const std::string& name, const std::vector<double>& values, Each each = [](int) {}) {
    callback.on_train_begin(model_);
    for (int epoch = 0; epoch < static_cast<int>(values.size()); ++epoch) {
      callback.on_epoch_begin(model_, epoch);
      model_.set_weight("dense/kernel", Array({1, 1}, std::vector<float>{static_cast<float>(epoch + 1)}));
      callback.on_epoch_end(model_, epoch, {{"loss", 1}, {name, values[static_cast<size_t>(epoch)]}});
      each(epoch);
    }
    callback.on_train_end(model_);
  }
  double kernel() const { return model_.weight("dense/kernel").at(0); }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_))
      if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), folder_));
    std::sort(names.begin(), names.end());
    return names;
  }

  Tensor x_;
  Model model_;
};

TEST_F(CallbacksTest, EarlyStoppingWaitsAndRestores) {
  EarlyStopping stopping({.patience = 2, .restore_best_weights = true});
  int stopped = -1;
  run(stopping, "val_loss", {3, 2, 2.5, 2.2}, [&](int epoch) { if (stopping.stopped_epoch() > 0 && stopped < 0) stopped = epoch; });
  EXPECT_EQ(stopped, 3);
  EXPECT_EQ(kernel(), 2);
}

TEST_F(CallbacksTest, EarlyStoppingRestoresWhenTrainingEndsByItself) {
  EarlyStopping stopping({.patience = 9, .restore_best_weights = true});
  run(stopping, "val_loss", {3, 1, 2});
  EXPECT_EQ(stopping.stopped_epoch(), 0);
  EXPECT_EQ(kernel(), 2);
}

TEST_F(CallbacksTest, EarlyStoppingLooksAtDeltaBaselineAndStart) {
  EarlyStopping delta({.min_delta = -0.5, .patience = 2});  // its absolute value counts
  run(delta, "val_loss", {3, 2.8, 2.6, 2.6});
  EXPECT_EQ(delta.stopped_epoch(), 3);  // 2.8 and 2.6 are no improvements of 3
  EarlyStopping baseline({.patience = 2, .baseline = 1});
  run(baseline, "val_loss", {3, 2.5, 2.6});
  EXPECT_EQ(baseline.stopped_epoch(), 2);  // improvements that miss the baseline do not reset the patience
  EarlyStopping late({.patience = 1, .start_from_epoch = 2});
  run(late, "val_loss", {1, 5, 4, 3});
  EXPECT_EQ(late.stopped_epoch(), 0);
}

TEST_F(CallbacksTest, ModeFollowsTheName) {
  EarlyStopping accuracy({.monitor = "val_accuracy", .patience = 1, .restore_best_weights = true});
  run(accuracy, "val_accuracy", {0.5, 0.9, 0.7});
  EXPECT_EQ(kernel(), 2);
  EarlyStopping loss({.monitor = "accelerator_loss", .patience = 1, .restore_best_weights = true});
  run(loss, "accelerator_loss", {0.5, 0.9, 0.7});
  EXPECT_EQ(kernel(), 1);
}

TEST_F(CallbacksTest, EpochsWithoutValidationAreLeftOut) {
  EarlyStopping stopping({.patience = 1});
  stopping.on_train_begin(model_);
  testing::internal::CaptureStderr();
  for (int epoch = 0; epoch < 5; ++epoch) stopping.on_epoch_end(model_, epoch, {{"loss", 1}});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning: EarlyStopping: the epoch has no val_loss, for nothing was validated in it\n");
  EXPECT_EQ(stopping.stopped_epoch(), 0);
  expect_fault([&] { stopping.on_epoch_end(model_, 5, {{"other", 1}}); }, {"no 'val_loss' to monitor; there are other"});
}

TEST_F(CallbacksTest, ReduceLROnPlateauCoolsDown) {
  ReduceLROnPlateau plateau({.factor = 0.5, .patience = 2, .cooldown = 1, .min_lr = 0.1});
  std::vector<double> rates;
  run(plateau, "val_loss", {1, 1, 1, 1, 1, 1, 1, 1, 1}, [&](int) { rates.push_back(model_.learning_rate()); });
  // Keras 3.15 gives the same rates.
  EXPECT_EQ(rates, (std::vector<double>{0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.1, 0.1, 0.1}));
  expect_fault([] { ReduceLROnPlateau({.factor = 1}); }, {"the factor is 1"});
}

TEST_F(CallbacksTest, CheckpointNamesHoldNumbers) {
  ModelCheckpoint checkpoint(folder_ / "deep/{epoch:02d}-{val_loss:.2f}.onnx");
  run(checkpoint, "val_loss", {0.5, 0.25});
  EXPECT_EQ(files(), (std::vector<std::string>{"deep/01-0.50.onnx", "deep/02-0.25.onnx"}));
  ModelCheckpoint unknown(folder_ / "{mape}.onnx"), strange(folder_ / "{val_loss:s}.onnx");
  expect_fault([&] { run(unknown, "val_loss", {1}); }, {"no 'mape' for the path; there are epoch, loss, val_loss"});
  expect_fault([&] { run(strange, "val_loss", {1}); }, {"'val_loss:s' has a format"});
}

TEST_F(CallbacksTest, CheckpointKeepsTheBest) {
  ModelCheckpoint best(folder_ / "{epoch}.onnx", {.save_best_only = true, .initial_value_threshold = 0.9});
  run(best, "val_loss", {1, 0.8, 0.85, 0.7});
  EXPECT_EQ(files(), (std::vector<std::string>{"2.onnx", "4.onnx"}));
}

TEST_F(CallbacksTest, CheckpointSavesEverySoManyBatches) {
  ModelCheckpoint checkpoint(folder_ / "{epoch}-{batch}.onnx", {.save_freq = 3});
  checkpoint.on_train_begin(model_);
  for (int epoch = 0; epoch < 2; ++epoch) {
    checkpoint.on_epoch_begin(model_, epoch);
    for (int64_t step = 0; step < 4; ++step) checkpoint.on_batch_end(model_, step, {{"loss", 1}});
    checkpoint.on_epoch_end(model_, epoch, {{"loss", 1}});
  }
  EXPECT_EQ(files(), (std::vector<std::string>{"1-3.onnx", "2-2.onnx"}));
}

TEST_F(CallbacksTest, CsvHasAColumnForEveryValue) {
  CSVLogger log(folder_ / "log.csv", ';');
  log.on_train_begin(model_);
  log.on_epoch_end(model_, 0, {{"loss", 0.5}});
  log.on_epoch_end(model_, 1, {{"loss", 0.25}, {"val_loss", 2}});
  EXPECT_EQ(text("log.csv"), "epoch;loss;val_loss\n0;0.5;NA\n1;0.25;2\n");
  CSVLogger more(folder_ / "log.csv", ';', true);
  run(more, "val_loss", {3});
  EXPECT_EQ(text("log.csv"), "epoch;loss;val_loss\n0;0.5;NA\n1;0.25;2\n0;1;3\n");
  CSVLogger nowhere(folder_ / "no/log.csv");
  expect_fault([&] { nowhere.on_train_begin(model_); }, {"no/log.csv"});
}

TEST_F(CallbacksTest, TensorBoardHasARunForValidation) {
  TensorBoard board(folder_ / "logs");
  run(board, "val_loss", {3, 2});
  std::set<std::string> runs;
  for (const std::string& file : files()) runs.insert(file.substr(0, file.find("/events.out.tfevents.")));
  EXPECT_EQ(runs, (std::set<std::string>{"logs/train", "logs/validation"}));
}

TEST_F(CallbacksTest, LambdaCallbackCallsWhatItHas) {
  std::string calls;
  LambdaCallback callback({.on_train_end = [&](Model&) { calls += "end"; },
                           .on_epoch_end = [&](Model&, int epoch, const Logs& logs) {
                             calls += std::to_string(epoch) + (logs.count("loss") != 0 ? " " : "?");
                           }});
  run(callback, "val_loss", {1, 1});
  EXPECT_EQ(calls, "0 1 end");
}

}  // namespace

// Ctrl-C while a model learns.
#include <gtest/gtest.h>
#include <signal.h>

#include "cnnc/cnnc.h"
#include "tests/dsl/folder_test.h"

using namespace cnnc;

namespace {

class Interrupt : public FolderTest {};

TEST_F(Interrupt, EndsTheStepAndLeavesValidFiles) {
  const std::string checkpoint = path("state"), onnx = path("m-{epoch:02d}.onnx");
  const Array x({64, 2}, std::vector<float>(128, 0.5f)), y({64, 1}, std::vector<float>(64, 1));
  const auto model = [] {
    set_random_seed(4);
    Sequential made({Input({2}), Dense(4, tanh), Dense(1)});
    made.compile(Adam{}, MeanSquaredError{});
    return made;
  };
  Sequential stopped = model();
  int64_t steps = 0;
  FitOptions options{.epochs = 5, .batch_size = 8, .verbose = Verbose::silent};
  options.callbacks = {ModelCheckpoint(onnx),
                       LambdaCallback({.on_epoch_end = [&](Model& m, int, const Logs&) { m.save_checkpoint(checkpoint); },
                                       .on_batch_end = [&](Model&, int64_t, const Logs&) {
                                         if (++steps == 3) raise(SIGINT);
                                       }})};
  options.verbose = Verbose::lines;
  testing::internal::CaptureStdout();
  const History history = stopped.fit(x, y, options);
  EXPECT_NE(testing::internal::GetCapturedStdout().find("Epoch 1/5\n3/8 - "), std::string::npos);
  options.verbose = Verbose::silent;
  EXPECT_TRUE(history.interrupted);
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(history.epoch.size(), 1u);
  EXPECT_EQ(Model::load(path("m-01.onnx")).predict(x).at(0), stopped.predict(x).at(0));
  Sequential resumed = model();
  resumed.load_checkpoint(checkpoint);
  for (const std::string& name : stopped.weight_names())
    EXPECT_EQ(resumed.weight(name).at(0), stopped.weight(name).at(0)) << name;
  // Afterwards the signal does again what it did, and a fit that nobody interrupts ends by itself.
  options.callbacks.clear();
  EXPECT_FALSE(stopped.fit(x, y, options).interrupted);
}

}  // namespace

// Networks that serve another task: parts of models, models as layers, ONNX files as a beginning.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cnnc/cnnc.h"
#include "tests/dsl/faults.h"

using namespace cnnc;

namespace {

Model network() {
  set_random_seed(2);
  return Sequential({Input({1, 8, 8}), Conv2D(4, {3, 3}, Padding::same).named("conv"), BatchNormalization(), ActivationLayer(relu),
                     GlobalAveragePool2D(), Dense(6, tanh).named("hidden"), Dense(3).named("head")});
}

Dataset images(int64_t count) {
  Dataset data{Array::zeros<float>({count, 1, 8, 8}), Array::zeros<int32_t>({count})};
  for (int64_t i = 0; i < data.x.size(); ++i) data.x.mutable_data<float>()[i] = std::sin(0.37f * static_cast<float>(i));
  for (int64_t i = 0; i < count; ++i) data.y.mutable_data<int32_t>()[i] = static_cast<int32_t>(i % 2);
  return data;
}

std::string saved(const Model& model, const std::string& name) {
  const std::string path = std::filesystem::path(testing::TempDir()) / name;
  model.save(path);
  return path;
}

void expect_equal(const Array& a, const Array& b) {
  ASSERT_EQ(a.shape(), b.shape());
  for (int64_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a.at(i), b.at(i), 1e-6) << i;
}

TEST(Transfer, ModelsAreLayersWithTheSameWeights) {
  const Model base = network();
  const Tensor x = input({1, 8, 8});
  const Model twice(x, base.as_layer()(x) * 2);
  const Array plain = base.predict(images(5).x), doubled = twice.predict(images(5).x);
  for (int64_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(doubled.at(i), 2 * plain.at(i), 1e-5);
  EXPECT_EQ(twice.parameter_count(), base.parameter_count());
}

TEST(Transfer, ModelsOfSeveralOutputsGiveThemAll) {
  const Tensor x = input({4, 3}), z = input({4, 3});
  const Model encoder({x}, LSTM(2, {.return_sequences = true, .return_state = true}).outputs(x));
  const Model whole({z}, encoder.as_layer().outputs(z));
  Array data = Array::zeros<float>({2, 4, 3});
  for (int64_t i = 0; i < data.size(); ++i) data.mutable_data<float>()[i] = 0.1f * static_cast<float>(i);
  const Arrays given = encoder.predict(Arrays{data}), taken = whole.predict(Arrays{data});
  ASSERT_EQ(taken.size(), 3u);
  for (size_t i = 0; i < 3; ++i) expect_equal(taken[i], given[i]);
}

TEST(Transfer, PartsEndWhereTheyAreTold) {
  const Model base = network();
  EXPECT_EQ(base.without_head().predict(images(2).x).shape(), (Shape{2, 6}));
  EXPECT_EQ(base.without_head().weight_names().size(), base.weight_names().size() - 2);
  EXPECT_EQ(base.up_to("conv").predict(images(2).x).shape(), (Shape{2, 4, 8, 8}));
  EXPECT_EQ(base.up_to("hidden").predict(images(2).x).shape(), (Shape{2, 6}));
  expect_contains(fault_of([&] { base.up_to("nothing"); }), {"no layer or value 'nothing'"});
  const Tensor y = input({4});
  expect_contains(fault_of([&] { Model(y, Dense(2)(y)).without_head(); }), {"no layers below"});
  expect_contains(fault_of([&] { Model({y}, {Dense(2)(y), Dense(3)(y)}).as_layer()(y); }), {"gives 2 tensors", "outputs()"});
}

TEST(Transfer, OnnxFilesLearnANewHead) {
  const std::string path = saved(network(), "transfer_base.onnx");
  const Model base = Model::load(path).without_head();
  EXPECT_EQ(base.input_shapes()[0], (Shape{1, 8, 8}));
  const Tensor x = input({1, 8, 8});
  Layer frozen = base.as_layer().named("base").trainable(false);
  Model model(x, Dense(2).named("new")(frozen(x)));
  model.compile(Adam{.learning_rate = 0.05}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
  const Array before = base.predict(images(4).x), head = model.weight("new/kernel");
  model.fit(images(64), {.epochs = 3, .verbose = Verbose::silent});
  expect_equal(base.predict(images(4).x), before);
  EXPECT_NE(model.weight("new/kernel").at(0), head.at(0));
  // What was saved and loaded again is the same network.
  expect_equal(Model::load(saved(model, "transfer_new.onnx")).predict(images(4).x), model.predict(images(4).x));
}

TEST(Transfer, ThawedLayersLearnAndTheirStatisticsFollowTheData) {
  const Model base = Model::load(saved(network(), "transfer_thawed.onnx")).without_head();
  const Tensor x = input({1, 8, 8});
  Model model(x, Dense(2)(base.as_layer()(x)));
  model.compile(SGD{.learning_rate = 0.1}, SparseCategoricalCrossentropy{.from_logits = true});
  std::map<std::string, Array> before;
  for (const std::string& name : model.weight_names()) before[name] = model.weight(name);
  model.fit(images(64), {.verbose = Verbose::silent});
  for (const auto& [name, old] : before) {
    if (name.find("conv/bias") != std::string::npos) continue;  // normalization takes it away again
    EXPECT_NE(model.weight(name).at(0), old.at(0)) << name;
  }
}

}  // namespace

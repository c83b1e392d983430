// What is wrong is said, with what was found and what is needed; nothing is changed by it.
#include <gtest/gtest.h>

#include <limits>

#include "cnnc/cnnc.h"
#include "tests/dsl/faults.h"
#include "tests/dsl/folder_test.h"
#include "tests/dsl/points.h"

using namespace cnnc;

namespace {

const std::string kHere = "bad_input_test.cpp:";

TEST(BadLayers, ThatDoNotFitNameTheLineAndTheShapes) {
  expect_fault([] { Sequential({Input({3, 8, 8}), Conv2D(4, 9), Dense(3)}); }, {"layer Conv2D of " + kHere, "f32[batch,3,8,8]", "9 elements"});
  expect_fault([] { Concatenate()({input({3, 8, 8}), input({3, 7, 8})}); }, {"Concatenate", kHere, "f32[batch,3,7,8]", "f32[batch,3,8,8]"});
  expect_fault([] { Add()({input({3}), input({4})}); }, {"Add", kHere, "f32[batch,3]", "f32[batch,4]"});
  expect_fault([] { Sequential({Input({6}), Reshape({4})}); }, {"layer Reshape of " + kHere, "f32[batch,6]", "{4}"});
  expect_fault([] { reshape(input({6}), {4, -1}); }, {"reshape of " + kHere, "f32[batch,6]", "{4,-1}"});
  expect_fault([] { Sequential({Input({6, 2}), Permute({1, 3})}); }, {"Permute", kHere, "axis 3"});
  expect_fault([] { Sequential({Input({1, 4, 4}), MaxPool2D(5)}); }, {"MaxPool2D", kHere, "5 elements", "f32[batch,1,4,4]"});
  expect_fault([] { Sequential({Input({4}), Dense(-1)}); }, {"Dense", "units is -1"});
  expect_fault([] { Sequential({Input({1, 4, 4}), Conv2D(2, 0)}); }, {"Conv2D", "kernel holds 0"});
  expect_fault([] { Embedding(0, 4)(input({3}, {.type = InputType::i32})); }, {"Embedding", "f32[0,4]"});
  expect_fault([] { Dense(2)(input({4}, {.type = InputType::i32})); }, {"Dense", "i32[batch,4]"});
  expect_fault([] { LSTM(3, {.return_state = true})(input({4, 5})); }, {"layer LSTM of " + kHere, "gives 3 tensors", "outputs()"});
  expect_fault([] { LSTM(3)({input({4, 5}), input({3})}); }, {"layer LSTM of " + kHere, "2 states", "given 2 tensors"});
  expect_fault([] { Bidirectional(LSTM(3, {.go_backwards = true}))(input({4, 5})); }, {"layer Bidirectional of " + kHere, "goes backwards"});
  expect_fault([] { Bidirectional(LSTM(3))({input({4, 5}), input({3})}); }, {"layer Bidirectional of " + kHere, "both directions", "given 2 tensors"});
  expect_fault([] { GRU(3)({input({4, 5}), input({4})}); }, {"layer GRU of " + kHere, "f32[batch,3]", "f32[batch,4]"});
}

TEST(BadLayers, OfOneNameAreFaults) {
  expect_fault([] { Sequential({Input({4}), Dense(3).named("same"), Dense(2).named("same")}); },
               {"layer 'same' (Dense) of " + kHere, "names of their own"});
  const Tensor x = input({4}, {.name = "x"}), y = input({4}, {.name = "x"});
  expect_fault([&] { Model({x, y}, {x + y}); }, {"two inputs are named 'x'", kHere});
  expect_fault([&] { Model(x, Dense(2).named("x")(x)); }, {"layer 'x' (Dense) of " + kHere, "an input"});
  // One layer may be called twice, and others make room for names that are given.
  const Dense shared = [] { Dense d(4); d.named("dense"); return d; }();
  const Model model(x, Dense(2)(shared(shared(x))));
  EXPECT_EQ(model.weight_names(), (std::vector<std::string>{"dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"}));
  EXPECT_EQ(Model(x, Dense(2).named("dense")(Dense(3)(x))).weight_names()[0], "dense_1/kernel");
}

TEST(BadLayers, ReshapeTakesWhatFits) {
  EXPECT_EQ(reshape(input({6}), {3, 2}).shape(), (Shape{-1, 3, 2}));
  EXPECT_EQ(reshape(input({6}), {-1, 2}).shape(), (Shape{-1, 3, 2}));
  EXPECT_EQ(reshape(input({-1, 6}), {-1, 3, 2}).rank(), 4);
}

TEST(BadCalls, WithoutCompileAreFaults) {
  Sequential model({Input({2}), Dense(2)});
  const Dataset data = points(4);
  expect_fault([&] { model.evaluate(data); }, {"call compile() before evaluate()"});
  expect_fault([&] { model.train_on_batch(data.x, data.y); }, {"call compile() before train_on_batch()"});
  expect_fault([&] { model.test_on_batch(data.x, data.y); }, {"call compile() before test_on_batch()"});
  expect_fault([&] { model.set_learning_rate(1); }, {"call compile() before set_learning_rate()"});
}

TEST(BadData, WithoutSamplesOrLabelsAreFaults) {
  Model model = classifier();
  const Dataset none{Array::zeros<float>({0, 2}), Array::zeros<int32_t>({0})};
  expect_fault([&] { model.fit(none, quiet(1)); }, {"no samples"});
  expect_fault([&] { model.evaluate(none); }, {"no samples"});
  expect_fault([&] { model.predict(none.x); }, {"no samples"});
  expect_fault([&] { model.fit(Dataset{points(4).x, {}}, quiet(1)); }, {"no labels"});
}

TEST(BadData, LabelsOutOfRangeAreFaults) {
  Model model = classifier();
  const Array x = points(4).x;
  const auto labels = [](const std::vector<float>& values) { return Array({static_cast<int64_t>(values.size())}, values); };
  expect_fault([&] { model.fit(x, labels({0, 1, 1, 0.5f}), quiet(1)); }, {"label 0.5 of sample 3", "0 to 1"});
  expect_fault([&] { model.fit(x, labels({0, -1, 1, 0}), quiet(1)); }, {"label -1 of sample 1"});
  FitOptions options = quiet(1);
  options.validation_data = {x, labels({0, 1, 2, 0})};
  expect_fault([&] { model.fit(x, labels({0, 1, 1, 0}), options); }, {"label 2 of sample 2"});
  Sequential binary({Input({2}), Dense(1, sigmoid)});
  binary.compile(Adam{}, BinaryCrossentropy{});
  expect_fault([&] { binary.fit(x, labels({0, 1, 255, 0}), quiet(1)); }, {"label 255 of sample 2", "from 0 to 1", "scale pixels"});
  binary.fit(x, labels({0, 0.25f, 1, 0}), quiet(1));
  binary.compile(Adam{}, MeanSquaredError{});
  binary.fit(x, labels({0, 1, 255, 0}), quiet(1));
}

TEST(BadData, IndicesOutOfRangeAreFaults) {
  const Tensor words = input({3}, {.type = InputType::i32, .name = "words"});
  Model model(words, Dense(1)(flatten(Embedding(5, 4)(words))));
  model.compile(SGD{}, MeanSquaredError{});
  const auto with_last = [](int32_t index) { return Array({2, 3}, std::vector<int32_t>{0, 1, 2, 3, 4, index}); };
  const std::vector<std::string> message{"index 9 of sample 1 of input 'words'", "embedding/embeddings", "0 to 4"};
  expect_fault([&] { model.predict(with_last(9)); }, message);
  expect_fault([&] { model.fit(with_last(9), Array::zeros<float>({2, 1}), quiet(1)); }, message);
  expect_fault([&] { model.predict(with_last(-1)); }, {"index -1"});
  EXPECT_EQ(model.predict(with_last(4)).size(), 2);
}

TEST(BadOptions, AreFaults) {
  Model model = classifier();
  const Dataset data = points(8);
  const auto fit = [&](const std::function<void(FitOptions&)>& set) {
    FitOptions options = quiet(1);
    set(options);
    model.fit(data, options);
  };
  expect_fault([&] { fit([](FitOptions& o) { o.class_weight = {{7, 2.0}}; }); }, {"class_weight names class 7", "0 to 1"});
  expect_fault([&] { fit([](FitOptions& o) { o.class_weight = {{1, -2.0}}; }); }, {"class_weight of class 1 is -2"});
  expect_fault([&] { fit([](FitOptions& o) { o.threads = -1; }); }, {"threads is -1"});
  expect_fault([&] { fit([](FitOptions& o) { o.batch_size = 0; }); }, {"batch_size is 0"});
  expect_fault([&] { fit([](FitOptions& o) { o.epochs = -1; }); }, {"epochs is -1"});
  expect_fault([&] { model.predict(data.x, {.batch_size = 0}); }, {"batch_size is 0"});
  expect_fault([&] { model.predict(data.x, {.threads = -3}); }, {"threads is -3"});
  expect_fault([&] { Array::zeros<float>({-2, 2}); }, {"has the size -2"});
  expect_fault([&] { Array({-1, -2}, std::vector<float>{1, 2}); }, {"has the size -1"});
  expect_fault([&] { data.x.reshaped({-4, -4}); }, {"has the size -4"});
  expect_fault([&] { data.x.slice(5, 20); }, {"rows 5 to 20"});
}

TEST(BadOptions, OfValidationAndCallbacksAreFaults) {
  Model model = classifier();
  const Dataset data = points(8), none{Array::zeros<float>({0, 2}), Array::zeros<int32_t>({0})};
  const auto validated_by = [&](const Samples& validation) {
    FitOptions options = quiet(1);
    options.validation_data = validation;
    return fault_of([&] { model.fit(data, options); });
  };
  expect_contains(validated_by(none), {"validation_data have no"});
  expect_contains(validated_by({none.x, Array::zeros<int32_t>({0, 1})}), {"validation_data have no samples"});
  expect_contains(validated_by({data.x, {}}), {"validation_data have no labels"});
  expect_contains(validated_by({{}, data.y}), {"validation_data have no samples"});
  EXPECT_EQ(validated_by(data), "");
  FitOptions options = quiet(1);
  options.callbacks = {std::shared_ptr<Callback>()};
  expect_fault([&] { model.fit(data, options); }, {"callbacks is a null pointer"});
  options = quiet(1);
  options.sample_weight = Array({8}, std::vector<float>{1, 1, 1, NAN, 1, 1, 1, 1});
  expect_fault([&] { model.fit(data, options); }, {"sample_weight of sample 3 is nan"});
}

TEST(BadOptions, OfSchedulesAreFaults) {
  Model model = classifier();
  const auto compiled_with = [&](const LearningRate& rate) {
    return fault_of([&] { model.compile(SGD{.learning_rate = rate}, MeanSquaredError{}); });
  };
  expect_contains(compiled_with(ExponentialDecay{0.1, 0, 0.9}), {"ExponentialDecay: decay_steps is 0"});
  expect_contains(compiled_with(CosineDecay{0.1, 0}), {"CosineDecay: decay_steps is 0"});
  expect_contains(compiled_with(PolynomialDecay{0.1, -1}), {"PolynomialDecay: decay_steps is -1"});
  expect_contains(compiled_with(InverseTimeDecay{0.1, 0, 1}), {"InverseTimeDecay: decay_steps is 0"});
  expect_contains(compiled_with(CosineDecayRestarts{0.1, 0}), {"CosineDecayRestarts: first_decay_steps is 0"});
  expect_contains(compiled_with(PiecewiseConstant{{5, 2}, {1, 2, 3}}), {"PiecewiseConstant: the boundaries must ascend"});
}

TEST(BadOptions, OfMetricsAreFaults) {
  Model model = classifier();
  const SparseCategoricalCrossentropy loss{.from_logits = true};
  expect_fault([&] { model.compile(SGD{}, loss, {Precision{.class_id = 2}}); }, {"Precision: class_id is 2", "0 to 1"});
  expect_fault([&] { model.compile(SGD{}, loss, {}, {Recall{.class_id = -1}}); }, {"class_id", "-1"});
  model.compile(SGD{}, loss, {Precision{.class_id = 0}});
}

TEST(BadData, PipelinesWithoutEndAreFaults) {
  Model model = classifier();
  const Pipeline endless = Pipeline(points(8)).repeat().shuffle(4).batch(4).prefetch();
  const std::vector<std::string> message{"repeats without end", "take()"};
  expect_fault([&] { model.fit(endless, quiet(1)); }, message);
  expect_fault([&] { model.evaluate(endless); }, message);
  expect_fault([&] { model.predict(endless); }, message);
  EXPECT_EQ(model.predict(endless.take(3))[0].shape(), (Shape{12, 2}));
  EXPECT_TRUE(Pipeline(points(2)).concatenate(Pipeline(points(2)).repeat()).is_endless());
}

TEST(BadData, LossesThatAreNoNumbersEndTraining) {
  Sequential model({Input({2}), Dense(1)});
  model.compile(Adam{}, MeanSquaredError{});
  FitOptions options = quiet(5);
  options.callbacks = {TerminateOnNaN()};
  const Array y({8}, std::vector<float>(8, std::numeric_limits<float>::quiet_NaN()));
  testing::internal::CaptureStderr();
  EXPECT_EQ(model.fit(points(8).x, y, options).epoch.size(), 1u);
  expect_contains(testing::internal::GetCapturedStderr(), {"Batch 0: Invalid loss"});
}

class BadFiles : public FolderTest {};

TEST_F(BadFiles, OfAnotherFormatAreFaults) {
  write("text.onnx", "hello world, this is no model");
  expect_fault([&] { Model::load(path("text.onnx")); }, {"text.onnx", "not an ONNX model"});
  expect_fault([&] { Model::load(path("none.onnx")); }, {"none.onnx", "No such file"});
  Model model = classifier();
  model.save(path("m.onnx"));
  model.save_checkpoint(path("m.state"));
  expect_fault([&] { model.load_checkpoint(path("m.onnx")); }, {"m.onnx", "another kind"});
  expect_fault([&] { Model::load(path("m.state")); }, {"m.state", "not an ONNX model"});
  expect_fault([&] { model.compile_to_executable(path("none") + "/there/m"); }, {"there/m"});
  History history = model.fit(points(8), quiet(1));
  expect_fault([&] { history.save_svg(path("none") + "/there/h.svg"); }, {"h.svg"});
  FitOptions options = quiet(1);
  options.callbacks = {CSVLogger("/dev/full")};
  expect_fault([&] { model.fit(points(8), options); }, {"cannot write '/dev/full': No space left"});
  expect_fault([] { data::save_png("/dev/full", Array::zeros<float>({1, 4, 4})); }, {"cannot write '/dev/full'"});
  expect_fault([&] { model.save("/dev/full"); }, {"cannot write '/dev/full'"});
}

TEST_F(BadFiles, OfAnotherStepChangeNothing) {
  const SparseCategoricalCrossentropy loss{.from_logits = true};
  Model model = classifier();
  model.compile(Adam{}, loss);
  model.fit(points(64), quiet(1));
  model.save_checkpoint(path("keras"));
  Model other = classifier();
  const double before = other.weight("dense/kernel").at(0);
  const auto expect = [&](const Optimizer& optimizer, const Loss& with, const std::string& then, const std::string& now) {
    other.compile(optimizer, with);
    expect_fault([&] { other.load_checkpoint(path("keras")); }, {"keras", then, "now it is " + now});
    EXPECT_EQ(other.weight("dense/kernel").at(0), before);
  };
  expect(Adam{.convention = Convention::pytorch}, loss, "convention = keras", "convention = pytorch");
  expect(Adam{.beta_1 = 0.5}, loss, "beta1 = 0.9", "beta1 = 0.5");
  expect(Adam{}, SparseCategoricalCrossentropy{}, "from probabilities = no", "from probabilities = yes");
  other.compile(Adam{.learning_rate = 0.5}, loss);
  other.load_checkpoint(path("keras"));
  EXPECT_EQ(other.weight("dense/kernel").at(0), model.weight("dense/kernel").at(0));
}

TEST_F(BadFiles, OfAnotherOptimizerChangeNothing) {
  const SparseCategoricalCrossentropy loss{.from_logits = true};
  Model model = classifier();
  model.fit(points(64), quiet(1));
  model.save_checkpoint(path("adam"));
  Model other = classifier();
  other.compile(SGD{.momentum = 0.9}, loss);
  const double before = other.weight("dense/kernel").at(0);
  expect_fault([&] { other.load_checkpoint(path("adam")); }, {"adam", "this model's optimizer has not", "compile() with the optimizer"});
  EXPECT_EQ(other.weight("dense/kernel").at(0), before);
  other.compile(SGD{}, loss);
  other.fit(points(64), quiet(1));
  other.save_checkpoint(path("plain"));
  const double trained = model.weight("dense/kernel").at(0);
  expect_fault([&] { model.load_checkpoint(path("plain")); }, {"plain", "holds no", "compile() with the optimizer"});
  EXPECT_EQ(model.weight("dense/kernel").at(0), trained);
  // Without an optimizer the weights alone are taken.
  Sequential plain({Input({2}), Dense(8, tanh), Dense(2)});
  plain.load_checkpoint(path("adam"));
  EXPECT_EQ(plain.weight("dense/kernel").at(0), trained);
}

}  // namespace

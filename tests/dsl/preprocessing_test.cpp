// Layers that prepare and vary data. Expected numbers are Keras 3.15's for the same image and the same factors.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cnnc/preprocessing.h"
#include "model/model_state.h"
#include "passes/training/training_form.h"
#include "tests/dsl/faults.h"

namespace cnnc::dsl {
namespace {

using Floats32 = std::vector<float>;

// 0 7 14 1 8 / 15 2 9 16 3 / 10 17 4 11 18 / 5 12 19 6 13
Array image() {
  Floats32 pixels;
  for (int i = 0; i < 20; ++i) pixels.push_back(static_cast<float>(7 * i % 20));
  return Array({1, 1, 4, 5}, pixels);
}

Model model_of(const Layer& layer, Shape sample, InputOptions options = {}) {
  const Tensor x = input(std::move(sample), options);
  return Model(x, layer(x));
}

// What the layer gives in a step of training.
cnnc::Tensor trained(const Layer& layer, const Array& x, int64_t step = 0, uint64_t seed = 1) {
  const Model model = model_of(layer, Shape(x.shape().begin() + 1, x.shape().end()));
  const std::unique_ptr<Graph> graph = model.state()->graph();
  const TrainingForm form = to_training_form(*graph, {}, seed, cnnc::Convention::keras);
  std::vector<cnnc::Tensor> inputs{x.to_float().storage().tensor};
  if (form.step_number != nullptr) inputs.push_back(cnnc::Tensor::scalar(DType::i64, static_cast<double>(step)));
  return interpret(*graph, inputs)[0];
}

void expect_values(const cnnc::Tensor& found, const Floats32& expected, double tolerance = 2e-3) {
  ASSERT_EQ(found.size(), static_cast<int64_t>(expected.size()));
  for (int64_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found.as_double(i), expected[static_cast<size_t>(i)], tolerance) << "element " << i;
}

void expect_predicts(const Layer& layer, const Array& x, const Floats32& expected) {
  expect_values(model_of(layer, Shape(x.shape().begin() + 1, x.shape().end())).predict(x).storage().tensor, expected);
}

struct Moved {
  FillMode mode;
  Floats32 translated, rotated, zoomed;
};

TEST(Augmentation, MovesImagesAsKerasDoes) {
  const std::vector<Moved> cases{
      {FillMode::reflect,
       {10.75f, 4.75f, 7, 6.25f, 6.25f, 10.75f, 2.75f, 8, 6.25f, 4.25f, 10.75f, 10.75f, 4, 6.25f, 12.25f, 6.75f, 12.75f, 15, 14.25f, 10.25f},
       {8.8455f, 13.055f, 6.1574f, 6.8718f, 9.9307f, 4.731f, 7.8556f, 10.58f, 12.652f, 16.028f, 10.267f, 7.4368f, 7.7368f, 9.9184f, 8.269f, 12.31f, 11.536f, 13.583f, 18.491f, 9.4274f},
       {4.2f, 9.1f, 14, 4.9f, 3.8f, 6.6f, 5.1f, 10, 12.1f, 9.4f, 13.2f, 13.3f, 7, 9.1f, 12.8f, 9.2f, 14.1f, 19, 9.9f, 8.8f}},
      {FillMode::wrap,
       {13.75f, 8.75f, 6, 7.75f, 13.75f, 15.75f, 7.75f, 5, 6.75f, 13.75f, 10.75f, 10.75f, 12, 9.75f, 4.75f, 6.75f, 12.75f, 11, 11.75f, 11.75f},
       {13.846f, 18.055f, 6.1574f, 6.8718f, 12.69f, 9.731f, 7.8556f, 10.58f, 12.652f, 16.028f, 10.267f, 7.4368f, 7.7368f, 9.9184f, 3.269f, 11.069f, 11.536f, 13.583f, 13.491f, 4.4274f},
       {9.2f, 14.1f, 19, 9.9f, 8.8f, 6.6f, 5.1f, 10, 12.1f, 9.4f, 13.2f, 13.3f, 7, 9.1f, 12.8f, 4.2f, 9.1f, 14, 4.9f, 3.8f}},
      {FillMode::constant,
       {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 8.7f, 2.3f, 5, 0.5f, 0.5f, 10.75f, 10.75f, 3.125f, 0.5f, 0.5f, 6.75f, 12.75f, 11.375f, 0.5f, 0.5f},
       {1.4255f, 9.2723f, 6.1574f, 6.8718f, 5.2181f, 4.3922f, 7.8556f, 10.58f, 12.652f, 16.028f, 10.267f, 7.4368f, 7.7368f, 9.9184f, 7.6469f, 6.4085f, 11.536f, 13.583f, 13.07f, 1.4901f},
       {1.98f, 3.94f, 5.9f, 2.26f, 1.82f, 6.6f, 5.1f, 10, 12.1f, 9.4f, 13.2f, 13.3f, 7, 9.1f, 12.8f, 3.98f, 5.94f, 7.9f, 4.26f, 3.82f}},
      {FillMode::nearest,
       {10.75f, 2.75f, 8, 8, 8, 10.75f, 2.75f, 8, 8, 8, 10.75f, 10.75f, 4, 4, 4, 6.75f, 12.75f, 15, 15, 15},
       {8.8455f, 13.055f, 6.1574f, 6.8718f, 9.9307f, 4.731f, 7.8556f, 10.58f, 12.652f, 16.028f, 10.267f, 7.4368f, 7.7368f, 9.9184f, 8.269f, 12.31f, 11.536f, 13.583f, 18.491f, 9.4274f},
       {4.2f, 9.1f, 14, 4.9f, 3.8f, 6.6f, 5.1f, 10, 12.1f, 9.4f, 13.2f, 13.3f, 7, 9.1f, 12.8f, 9.2f, 14.1f, 19, 9.9f, 8.8f}},
  };
  for (const Moved& c : cases) {
    SCOPED_TRACE(static_cast<int>(c.mode));
    const TransformOptions o{.fill_mode = c.mode, .fill_value = 0.5};
    expect_values(trained(RandomTranslation({0.3, 0.3}, {-0.45, -0.45}, o), image()), c.translated);
    expect_values(trained(RandomRotation({0.1, 0.1}, o), image()), c.rotated);
    expect_values(trained(RandomZoom({0.4, 0.4}, {-0.3, -0.3}, o), image()), c.zoomed);
  }
  expect_values(trained(RandomRotation({0.1, 0.1}, {.fill_mode = FillMode::constant, .interpolation = Interpolation::nearest}), image()),
                {0, 14, 1, 3, 3, 7, 2, 9, 11, 18, 15, 2, 4, 11, 6, 10, 10, 12, 19, 0});
}

TEST(Augmentation, ChangesPixelsAsKerasDoes) {
  expect_values(trained(RandomContrast({0, 0}, {0, 20}), image()),
                {0, 7, 14, 1, 8, 15, 2, 9, 16, 3, 10, 17, 4, 11, 18, 5, 12, 19, 6, 13});
  expect_values(trained(RandomBrightness({0.2, 0.2}, {0, 20}), image()),
                {4, 11, 18, 5, 12, 19, 6, 13, 20, 7, 14, 20, 8, 15, 20, 9, 16, 20, 10, 17});
}

TEST(Augmentation, FlipsHalfOfTheImagesAsAWhole) {
  Array x = Array::zeros<float>({200, 1, 1, 2});
  for (int64_t i = 0; i < 200; ++i) x.mutable_data<float>()[2 * i] = 1;
  const cnnc::Tensor y = trained(RandomFlip(Flip::horizontal), x);
  int flipped = 0;
  for (int64_t i = 0; i < 200; ++i) {
    EXPECT_EQ(y.as_double(2 * i) + y.as_double(2 * i + 1), 1);
    flipped += y.as_double(2 * i) == 0;
  }
  EXPECT_NEAR(flipped, 100, 35);
  const cnnc::Tensor both = trained(RandomFlip(), image());
  EXPECT_TRUE(both.as_double(0) == 0 || both.as_double(0) == 13);
}

TEST(Augmentation, CropsAWindowOfTheImage) {
  std::set<double> corners;
  for (int64_t step = 0; step < 20; ++step) {
    const cnnc::Tensor y = trained(RandomCrop(2, 3), image(), step);
    ASSERT_EQ(y.shape(), (cnnc::Shape{1, 1, 2, 3}));
    const int corner = static_cast<int>(y.as_double(0)) * 3 % 20;  // its place in the image: 3 undoes the factor 7
    EXPECT_LT(corner % 5, 3);
    EXPECT_LT(corner / 5, 3);
    EXPECT_EQ(y.as_double(1), (corner + 1) * 7 % 20);
    EXPECT_EQ(y.as_double(3), (corner + 5) * 7 % 20);
    corners.insert(corner);
  }
  EXPECT_GT(corners.size(), 4u);
}

TEST(Augmentation, DependsOnSeedAndStepOnly) {
  const Layer layer = GaussianNoise(1);
  EXPECT_TRUE(trained(layer, image(), 3).identical(trained(layer, image(), 3)));
  EXPECT_FALSE(trained(layer, image(), 3).identical(trained(layer, image(), 4)));
  EXPECT_FALSE(trained(layer, image(), 3).identical(trained(layer, image(), 3, 2)));
}

TEST(Augmentation, EveryLayerHasItsOwnNumbers) {
  const Layer two("Two", [](const Tensor& x) { return GaussianNoise(1)(x) - GaussianNoise(1)(x); });
  EXPECT_NE(trained(two, image()).as_double(0), 0);
}

TEST(Augmentation, ActsOnlyWhileTraining) {
  for (const Layer& layer : std::vector<Layer>{
           RandomFlip(), RandomTranslation(0.5, 0.5), RandomRotation(0.5), RandomZoom(0.5), RandomContrast(0.5),
           RandomBrightness(0.5), GaussianNoise(0.5), GaussianDropout(0.5), AlphaDropout(0.5), SpatialDropout2D(0.5)}) {
    SCOPED_TRACE(layer.type());
    const Array y = model_of(layer, {1, 4, 5}).predict(image());
    bool same = true;
    const cnnc::Tensor in_training = trained(layer, image());
    for (int64_t i = 0; i < 20; ++i) {
      EXPECT_EQ(y.at(i), image().at(i));
      same &= in_training.as_double(i) == y.at(i);
    }
    const bool may_keep = layer.type() == "RandomFlip" || layer.type() == "SpatialDropout2D";
    EXPECT_TRUE(may_keep || !same);
  }
}

TEST(Augmentation, LeavesNothingInSavedModels) {
  const std::string path = std::filesystem::path(testing::TempDir()) / "cnnc_augmented.onnx";
  const Sequential model({Input({1, 4, 5}), RandomRotation(0.2), GaussianNoise(0.1), Flatten(), Dense(2)});
  model.save(path);
  const std::string saved = Model::load(path).dump_ir();
  for (const char* op : {"WhenTraining", "AffineSample", "Philox", "Cos"}) EXPECT_EQ(saved.find(op), std::string::npos);
  EXPECT_EQ(Model::load(path).predict(image()).at(1), model.predict(image()).at(1));
  std::filesystem::remove(path);
}

TEST(Augmentation, TrainsTheLayersBehindIt) {
  set_random_seed(1);
  Sequential model({Input({1, 4, 5}), RandomTranslation(0.2, 0.2), RandomFlip(), RandomCrop(3, 3), SpatialDropout2D(0.1),
                    Conv2D(2, 2), AlphaDropout(0.1), GaussianDropout(0.1), Flatten(), Dense(2)});
  model.compile(Adam{.learning_rate = 0.01}, SparseCategoricalCrossentropy{.from_logits = true});
  const Dataset data{image().scaled(0.05), Array({1}, std::vector<int32_t>{1})};
  const double before = model.evaluate(data, {.verbose = Verbose::silent})[0];
  model.fit(data, {.epochs = 100, .verbose = Verbose::silent});
  EXPECT_LT(model.evaluate(data, {.verbose = Verbose::silent})[0], 0.3 * before);
}

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments_of(const cnnc::Tensor& x) {
  Moments m;
  const double count = static_cast<double>(x.size());
  for (int64_t i = 0; i < x.size(); ++i) m.mean += x.as_double(i) / count;
  for (int64_t i = 0; i < x.size(); ++i) m.variance += std::pow(x.as_double(i) - m.mean, 2) / count;
  return m;
}

TEST(Noise, HasTheMomentsThatItSays) {
  Array ones = Array::zeros<float>({20000, 1});
  std::fill_n(ones.mutable_data<float>(), 20000, 1.0f);
  const Moments noise = moments_of(trained(GaussianNoise(0.5), ones));
  EXPECT_NEAR(noise.mean, 1, 0.02);
  EXPECT_NEAR(noise.variance, 0.25, 0.02);
  const Moments dropout = moments_of(trained(GaussianDropout(0.2), ones));
  EXPECT_NEAR(dropout.mean, 1, 0.02);
  EXPECT_NEAR(dropout.variance, 0.25, 0.02);
  // Normal numbers keep their mean 0 and variance 1.
  Array zeros = Array::zeros<float>({20000, 1});
  const Layer alpha("Alpha", [](const Tensor& x) { return AlphaDropout(0.3)(GaussianNoise(1)(x)); });
  const Moments alpha_moments = moments_of(trained(alpha, zeros));
  EXPECT_NEAR(alpha_moments.mean, 0, 0.03);
  EXPECT_NEAR(alpha_moments.variance, 1, 0.05);
}

TEST(Noise, SpatialDropoutDropsWholeFeatures) {
  Array x = Array::zeros<float>({1, 200, 3, 3});
  std::fill_n(x.mutable_data<float>(), x.size(), 1.0f);
  const cnnc::Tensor y = trained(SpatialDropout2D(0.25), x);
  int dropped = 0;
  for (int64_t c = 0; c < 200; ++c) {
    for (int64_t i = 1; i < 9; ++i) EXPECT_EQ(y.as_double(9 * c + i), y.as_double(9 * c));
    dropped += y.as_double(9 * c) == 0;
    EXPECT_TRUE(y.as_double(9 * c) == 0 || std::abs(y.as_double(9 * c) - 4.0 / 3) < 1e-5);
  }
  EXPECT_NEAR(dropped, 50, 25);
  const cnnc::Tensor sequence = trained(SpatialDropout1D(0.5), x.reshaped({1, 3, 600}));
  for (int64_t i = 0; i < 600; ++i) EXPECT_EQ(sequence.as_double(i), sequence.as_double(600 + i));
  EXPECT_EQ(trained(SpatialDropout3D(0.5), x.reshaped({1, 50, 4, 3, 3})).size(), 1800);
}

TEST(Preprocessing, ResizesAsKerasDoes) {
  expect_predicts(Resizing(3, 7), image(),
                  {2.5f, 4.5952f, 8.1667f, 13.167f, 6.2619f, 5.0714f, 7.1667f, 12.5f, 10.786f, 8.6429f, 6.5f, 11.5f, 12.214f,
                   10.5f, 5.8333f, 9.8333f, 13.881f, 16.5f, 9.5952f, 9.8333f, 13.833f});
  expect_predicts(Resizing(6, 3, {.interpolation = Interpolation::nearest}), image(),
                  {0, 14, 8, 15, 9, 3, 15, 9, 3, 10, 4, 18, 5, 19, 13, 5, 19, 13});
  expect_predicts(Resizing(3, 3, {.crop_to_aspect_ratio = true}), image(),
                  {3.1111f, 9.6667f, 5.1111f, 12, 8, 12.333f, 7, 14.667f, 8.4444f});
  expect_predicts(Resizing(4, 2, {.interpolation = Interpolation::nearest, .pad_to_aspect_ratio = true, .fill_value = 9}),
                  image(), {9, 9, 7, 1, 12, 6, 9, 9});
}

TEST(Preprocessing, CropsTheMiddleAsKerasDoes) {
  expect_predicts(CenterCrop(2, 2), image(), {2, 9, 17, 4});
  const Floats32 enlarged{7, 10.5f, 14, 4.5f, 8, 11.5f, 4.5f, 6.3333f, 8.1667f, 14.5f, 9.6667f, 4.8333f, 14.5f, 13, 11.5f, 12, 15.5f, 19};
  expect_predicts(CenterCrop(6, 3), image(), enlarged);
  expect_predicts(RandomCrop(6, 3), image(), enlarged);
}

TEST(Preprocessing, NormalizationAdaptsBeforeAndAfterTheModelIsMade) {
  Floats32 numbers;
  for (int i = 0; i < 12; ++i) numbers.push_back(std::pow(static_cast<float>(i), 1.5f));
  const Array table({4, 3}, numbers);
  const Floats32 expected{-1.1410092f, -1.193667f, -1.2221076f, -0.6352751f, -0.58755827f, -0.56152165f,
                          0.28942263f, 0.32335892f, 0.3438731f, 1.4868618f, 1.4578662f, 1.4397562f};
  Normalization before;
  before.adapt(table);
  expect_predicts(before, table, expected);
  Normalization after;
  const Model model = model_of(after, {3});
  EXPECT_EQ(model.predict(table).at(4), table.at(4));
  after.adapt(table);
  expect_values(model.predict(table).storage().tensor, expected, 1e-5);
  expect_predicts(Normalization({0, 1, 2}, {1, 4, 0.25}), Array({1, 3}, Floats32{1, 2, 3}), {1, 0.5f, 2});
}

TEST(Preprocessing, NormalizationIsNotTrained) {
  Normalization layer;
  Sequential model({Input({2}), layer, Dense(1)});
  model.compile(SGD{.learning_rate = 0.1}, MeanSquaredError{});
  const Array x({4, 2}, Floats32{1, 10, 2, 20, 3, 30, 4, 40});
  layer.adapt(x);
  model.fit(x, Array({4, 1}, Floats32{1, 2, 3, 4}), {.epochs = 60, .verbose = Verbose::silent});
  EXPECT_FLOAT_EQ(static_cast<float>(layer.weights()[0].at(1)), 25);
  EXPECT_NEAR(model.predict(x).at(3), 4, 0.1);
}

TEST(Preprocessing, EncodesCategories) {
  const Array indices({2, 3}, std::vector<int32_t>{0, 2, 2, 1, 3, 1});
  const auto encoded = [&](Encoding encoding, const Array& x) {
    return model_of(CategoryEncoding(4, encoding), Shape(x.shape().begin() + 1, x.shape().end()), {.type = InputType::i32})
        .predict(x);
  };
  expect_values(encoded(Encoding::multi_hot, indices).storage().tensor, {1, 0, 1, 0, 0, 1, 0, 1});
  expect_values(encoded(Encoding::count, indices).storage().tensor, {1, 0, 2, 0, 0, 2, 0, 1});
  const Array one = encoded(Encoding::one_hot, Array({2, 1}, std::vector<int32_t>{1, 3}));
  EXPECT_EQ(one.type(), "f32[2,4]");
  expect_values(one.storage().tensor, {0, 1, 0, 0, 0, 0, 0, 1});
  EXPECT_EQ(encoded(Encoding::one_hot, indices).type(), "f32[2,3,4]");
}

TEST(Preprocessing, FaultsNameLayerAndNumbers) {
  const Tensor x = input({1, 4, 5}), flat = input({4});
  expect_fault([&] { RandomRotation(0.1)(flat); }, {"RandomRotation", "preprocessing_test.cpp:", "f32[batch,4]"});
  expect_fault([&] { RandomZoom(-1.5)(x); }, {"RandomZoom", "[-1.5, 1.5]"});
  expect_fault([&] { RandomTranslation(2, 0.1)(x); }, {"the height factor is [-2, 2]"});
  expect_fault([&] { GaussianDropout(1)(x); }, {"rate is 1"});
  expect_fault([&] { RandomContrast(0.2, {1, 0})(x); }, {"[1, 0], which is empty"});
  expect_fault([&] { Resizing(0, 3)(x); }, {"0 x 3"});
  expect_fault([&] { Resizing(3, 3, {.crop_to_aspect_ratio = true, .pad_to_aspect_ratio = true})(x); }, {"exclude each other"});
  expect_fault([&] { CategoryEncoding(3)(flat); }, {"CategoryEncoding", "InputType::i32"});
  const Tensor tokens = input({2}, {.type = InputType::i32});
  Model encoded(tokens, Dense(1)(CategoryEncoding(3)(tokens)));
  const auto indices = [](const std::vector<int32_t>& values) { return Array({2, 2}, values); };
  EXPECT_EQ(encoded.predict(indices({0, 1, 2, 2})).size(), 2);
  expect_fault([&] { encoded.predict(indices({0, 1, 2, 3})); }, {"index 3 of sample 1", "no token of 'category_encoding'", "0 to 2"});
  expect_fault([&] { encoded.predict(indices({-1, 1, 2, 2})); }, {"index -1 of sample 0"});
  encoded.compile(SGD{}, MeanSquaredError{});
  expect_fault([&] { encoded.train_on_batch(indices({0, 1, 5, 2}), Array::zeros<float>({2, 1})); }, {"index 5 of sample 1"});
  expect_fault([&] { Normalization().adapt(Array({3}, Floats32{1, 2, 3})); }, {"adapt()", "f32[3]", "axis"});
  expect_fault([&] { Normalization({1}, {1})(flat); }, {"has 1 means and 1 variances, need 4"});
  Normalization adapted;
  adapted(flat);
  expect_fault([&] { adapted.adapt(Array({1, 3}, Floats32{1, 2, 3})); }, {"f32[4]", "f32[3]"});
}

}  // namespace
}  // namespace cnnc::dsl

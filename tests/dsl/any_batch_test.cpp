// A smaller last batch, whose program is for any size, trains as a batch of its own does, whatever the layer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cnnc/cnnc.h"
#include "tests/dsl/points.h"
#include "tests/dsl/random_layers.h"

using namespace cnnc;

namespace {

Array data_for(const random_layers::Twin& twin, int64_t count) {
  Shape shape = twin.sample;
  shape.insert(shape.begin(), count);
  return twin.takes_indices ? Array::zeros<int32_t>(shape) : numbers(shape, 0.7);
}

// The weights after five samples in batches of three.
std::vector<double> trained(const random_layers::Twin& twin, const std::function<void(Model&, const Array&)>& train) {
  set_random_seed(9);
  const Layer factor("Factor", [](LayerScope& scope, const Tensors& x) { return x[0] * scope.weight("w", {1}, ones); });
  const Tensor x = input(twin.sample, {.type = twin.takes_indices ? InputType::i32 : InputType::f32});
  Model model(x, factor(twin.layer(x)));
  // The same ones in both runs, which share the layer; variances must be positive.
  for (const std::string& name : model.weight_names()) {
    const Array old = model.weight(name);
    const bool positive = name.find("variance") != std::string::npos;
    model.set_weight(name, positive ? Array(old.shape(), std::vector<float>(static_cast<size_t>(old.size()), 1)) : numbers(old.shape(), 0.3));
  }
  model.compile(SGD{.learning_rate = 0.1}, MeanSquaredError{});
  train(model, data_for(twin, 5));
  std::vector<double> weights;
  for (const std::string& name : model.weight_names()) {
    const Array w = model.weight(name);
    for (int64_t i = 0; i < w.size(); ++i) weights.push_back(w.at(i));
  }
  return weights;
}

void expect_same_training(const random_layers::Twin& twin) {
  SCOPED_TRACE(twin.keras);
  const auto labels = [](Model& model, const Array& x) { return Array::zeros<float>(model.predict(x).shape()); };
  const std::vector<double> one = trained(twin, [&](Model& model, const Array& x) {
    FitOptions options = quiet(1);
    options.batch_size = 3;
    options.shuffle = false;
    model.fit(x, labels(model, x), options);
  });
  const std::vector<double> other = trained(twin, [&](Model& model, const Array& x) {
    const Array y = labels(model, x);
    model.train_on_batch(x.slice(0, 3), y.slice(0, 3));
    model.train_on_batch(x.slice(3, 5), y.slice(3, 5));
  });
  ASSERT_EQ(one.size(), other.size());
  for (size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], other[i], 2e-5 * std::max(1.0, std::abs(one[i]))) << i;
}

TEST(AnyBatch, TrainsLayersOfAllKinds) {
  random_layers::RandomLayers layers(5);
  for (size_t i = 0; i < 17; ++i) expect_same_training(layers.next(i));
}

TEST(AnyBatch, TrainsLayersThatVaryImages) {
  const std::vector<std::pair<Layer, std::string>> cases{
      {RandomFlip(), "RandomFlip"}, {RandomTranslation(0.2, 0.2), "RandomTranslation"}, {RandomRotation(0.1), "RandomRotation"},
      {RandomZoom(0.2), "RandomZoom"}, {RandomContrast(0.2), "RandomContrast"}, {RandomBrightness(0.2), "RandomBrightness"},
      {RandomCrop(5, 4), "RandomCrop"}, {Resizing(5, 9), "Resizing"}, {CenterCrop(4, 4), "CenterCrop"},
      {GaussianNoise(0.1), "GaussianNoise"}, {GaussianDropout(0.3), "GaussianDropout"}, {AlphaDropout(0.3), "AlphaDropout"},
      {Dropout(0.3), "Dropout"}, {SpatialDropout2D(0.3), "SpatialDropout2D"}, {Normalization(), "Normalization"},
      {LocalResponseNormalization(), "LocalResponseNormalization"}};
  for (const auto& [layer, name] : cases) expect_same_training({layer, name, {3, 6, 7}, true, false});
}

}  // namespace

// Layers with random options beside Keras, where it is installed: outputs, and gradients of inputs and weights.
// CNNC_KERAS_PYTHON names a Python that has Keras, CNNC_TEST_SEED other options.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <random>

#include "cnnc/cnnc.h"
#include "tests/dsl/folder_test.h"
#include "tests/dsl/random_layers.h"

using namespace cnnc;

namespace {

using random_layers::RandomLayers;
using random_layers::Twin;

Array numbers(Shape shape, std::mt19937& random, double low, double high) {
  Array array = Array::zeros<float>(std::move(shape));
  std::uniform_real_distribution<float> distribution(static_cast<float>(low), static_cast<float>(high));
  for (int64_t i = 0; i < array.size(); ++i) array.mutable_data<float>()[i] = distribution(random);
  return array;
}

Array indices(const Shape& shape, std::mt19937& random) {
  Array array = Array::zeros<int32_t>(shape);
  for (int64_t i = 0; i < array.size(); ++i) array.mutable_data<int32_t>()[i] = static_cast<int32_t>(random() % 2);
  return array;
}

// About a third of the steps of [batch, steps, features] become zeros.
void leave_steps_out(Array& data, std::mt19937& random) {
  const int64_t features = data.shape()[2];
  for (int64_t i = 0; i < data.size(); i += features)
    if (random() % 3 == 0) std::fill_n(data.mutable_data<float>() + i, features, 0.0f);
}

class KerasTest : public FolderTest {
 protected:
  void save(const Array& array, const std::string& name) { array.save(path(name + ".npy")); }

  // Input, weights, output, and the gradients of mean(output^2): one step of size 1 moves weights by them.
  void save_case(const Twin& twin, const std::string& name, std::mt19937& random) {
    write(name + "/layer.txt", twin.keras + "\n" + (twin.is_image ? "image" : "plain") + "\n" + (twin.is_masked ? "masked" : "") + "\n");
    Shape factors = twin.sample, batch = twin.sample;
    factors.insert(factors.begin(), 1);
    batch.insert(batch.begin(), 3);
    const Layer scale("Scale", [&](LayerScope& scope, const Tensors& x) { return x[0] * scope.weight("w", factors, ones); });
    const Tensor x = input(twin.sample, {.type = twin.takes_indices ? InputType::i32 : InputType::f32});
    const Tensor scaled = twin.takes_indices ? x : scale(x);
    // The mean of squares below is over all steps.
    Model model(x, without_mask(twin.layer(twin.is_masked ? Masking()(scaled) : scaled)));
    Arrays weights;
    const bool positive = twin.layer.type() == "BatchNormalization";  // has variances
    for (const Array& w : twin.layer.weights()) weights.push_back(numbers(w.shape(), random, positive ? 0.5 : -0.7, positive ? 1.5 : 0.7));
    twin.layer.set_weights(weights);
    Array data = twin.takes_indices ? indices(batch, random) : numbers(batch, random, -1, 1);
    if (twin.is_masked) leave_steps_out(data, random);
    save(data, name + "/input");
    const Array y = model.predict(data);
    save(y, name + "/output");
    for (size_t k = 0; k < weights.size(); ++k) save(weights[k], name + "/weight_" + std::to_string(k));
    if (weights.empty() && twin.takes_indices) return;
    model.compile(SGD{.learning_rate = 1}, MeanSquaredError{});
    model.train_on_batch(data, Array::zeros<float>(y.shape()));
    if (!twin.takes_indices) save(difference(numbers(factors, random, 1, 1), scale.weights()[0]), name + "/input_gradient");
    for (size_t k = 0; k < weights.size(); ++k)
      save(difference(weights[k], twin.layer.weights()[k]), name + "/gradient_" + std::to_string(k));
  }

  static Array difference(const Array& a, const Array& b) {
    Array result = Array::zeros<float>(a.shape());
    for (int64_t i = 0; i < a.size(); ++i) result.mutable_data<float>()[i] = static_cast<float>(a.at(i) - b.at(i));
    return result;
  }
};

TEST_F(KerasTest, RandomLayersComputeTheSame) {
  const char* python = std::getenv("CNNC_KERAS_PYTHON");
  const std::string command = std::string(python != nullptr ? python : CNNC_PYTHON) + " " CNNC_SOURCE_DIR "/tests/dsl/check_keras.py ";
  if (WEXITSTATUS(std::system((command + "--installed").c_str())) == 77) GTEST_SKIP() << "Keras is not installed; see CNNC_KERAS_PYTHON";
  const char* seed_text = std::getenv("CNNC_TEST_SEED");
  const auto seed = static_cast<unsigned>(seed_text != nullptr ? std::atoi(seed_text) : 1);
  RandomLayers layers(seed);
  std::mt19937 random(seed);
  for (size_t i = 0; i < 108; ++i) {
    const Twin twin = layers.next(i);
    SCOPED_TRACE(twin.keras);
    save_case(twin, std::to_string(1000 + i), random);
  }
  EXPECT_EQ(WEXITSTATUS(std::system((command + folder_.string()).c_str())), 0) << "seed " << seed;
}

}  // namespace

// A program outside of the repository that uses the installed library.
#include <cnnc/cnnc.h>

#include <cmath>
#include <cstdio>

using namespace cnnc;

int main() {
  Sequential model({Input({1, 8, 8}), Conv2D(4, {3, 3}, Padding::same, relu), MaxPool2D({2, 2}), Flatten(),
                    Dense(16, tanh), Dense(3, softmax)});
  model.summary();
  const Array y = model.predict(Array::zeros<float>({5, 1, 8, 8}));
  model.save("consumer.onnx");
  const Array again = Model::load("consumer.onnx").predict(Array::zeros<float>({5, 1, 8, 8}));
  double sum = 0;
  for (int64_t i = 0; i < 3; ++i) sum += again.at(i);
  std::printf("%s, probabilities add up to %.3f\n", y.type().c_str(), sum);
  try {
    Conv2D(4, {9, 9})(input({1, 8, 8}));
  } catch (const std::exception& e) {
    std::printf("fault: %s\n", e.what());
    return std::abs(sum - 1) < 1e-5 ? 0 : 1;
  }
  return 1;
}

// Linear and logistic regression on numbers made here (docs/examples/linear_models.md).
#include <cmath>

#include "examples/support/example.h"

using namespace cnnc;

// y = 3 a - 2 b + 1, and whether that is positive.
static Dataset samples(int64_t count, bool classes) {
  std::vector<float> x, y;
  for (int64_t i = 0; i < count; ++i) {
    const float a = std::sin(static_cast<float>(i) * 1.7f), b = std::cos(static_cast<float>(i) * 2.3f);
    const float value = 3 * a - 2 * b + 1;
    x.insert(x.end(), {a, b});
    y.push_back(classes ? static_cast<float>(value > 0) : value);
  }
  return {Array({count, 2}, x), Array({count, 1}, y)};
}

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "linear and logistic regression",
                                    {.output = "linear.onnx", .epochs = 20});
  return example::run([&] {
    const FitOptions options{.epochs = flags.epochs, .batch_size = flags.batch_size, .verbose = Verbose::silent};

    Sequential linear({Input({2}), Dense(1)});
    linear.compile(SGD{.learning_rate = 0.1}, MeanSquaredError{});
    linear.fit(samples(1000, false), options);
    const Array w = linear.weight("dense/kernel");
    std::printf("linear regression: y = %.3f a %+.3f b %+.3f\n", w.at(0), w.at(1), linear.weight("dense/bias").at(0));

    Sequential logistic({Input({2}), Dense(1, sigmoid)});
    logistic.compile(Adam{.learning_rate = 0.05}, BinaryCrossentropy{}, {Accuracy{}});
    logistic.fit(samples(1000, true), options);
    const std::vector<double> results = logistic.evaluate(samples(500, true), {.verbose = Verbose::silent});
    std::printf("logistic regression: accuracy %.3f\n", results[1]);

    example::save_and_compile(logistic, flags);
    const Dataset points = samples(3, true);
    const Array found = example::run_executable(flags, points.x);
    for (int64_t i = 0; i < 3; ++i)
      std::printf("(%+.2f, %+.2f): class 1 with probability %.3f (label %.0f)\n", points.x.at(2 * i), points.x.at(2 * i + 1),
                  found.at(i), points.y.at(i));
  });
}

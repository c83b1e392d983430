// The first program of every course: a dense network that reads handwritten digits (docs/examples/train_mnist.md).
#include "examples/support/example.h"

using namespace cnnc;

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "a dense network on MNIST",
                                    {.data = "data", .output = "mnist.onnx", .epochs = 10});
  return example::run([&] {
    const auto [train, test] = data::mnist(example::data_folder(flags, "mnist"));

    Sequential model({Input({1, 28, 28}), Flatten(), Dense(128, relu), Dropout(0.2), Dense(10)});
    if (!flags.json) model.summary();

    model.compile(Adam{}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
    model.fit(train, example::fit_options(flags, train));
    example::evaluate(model, test, flags);
    example::finish(model, test, flags);
  });
}

// LeNet-5, the network that read cheques (docs/examples/lenet5.md).
#include "examples/support/example.h"

using namespace cnnc;

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "LeNet-5 on MNIST",
                                    {.data = "data", .output = "lenet5.onnx", .epochs = 5});
  return example::run([&] {
    const auto [train, test] = data::mnist(example::data_folder(flags, "mnist"));

    Sequential model({Input({1, 28, 28}),
                      Conv2D(6, {5, 5}, Padding::same, tanh), AveragePool2D({2, 2}),
                      Conv2D(16, {5, 5}, Padding::valid, tanh), AveragePool2D({2, 2}),
                      Flatten(), Dense(120, tanh), Dense(84, tanh), Dense(10)});
    if (!flags.json) model.summary();

    model.compile(Adam{}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
    model.fit(train, example::fit_options(flags, train));
    example::evaluate(model, test, flags);
    example::finish(model, test, flags);
  });
}

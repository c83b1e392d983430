// The second program of every course: a small convolutional network on CIFAR-10 (docs/examples/train_cifar10.md).
#include "examples/support/example.h"

using namespace cnnc;

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "a convolutional network on CIFAR-10",
                                    {.data = "data", .output = "cifar10.onnx", .epochs = 10});
  return example::run([&] {
    const auto [train, test] = data::cifar10(example::data_folder(flags, "cifar-10-batches-bin"));

    Sequential model({Input({3, 32, 32}),
                      Conv2D(32, {3, 3}, Padding::same, relu), MaxPool2D({2, 2}),
                      Conv2D(64, {3, 3}, Padding::same, relu), MaxPool2D({2, 2}),
                      Flatten(), Dense(64, relu), Dense(10)});
    if (!flags.json) model.summary();

    model.compile(Adam{}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
    model.fit(train, example::fit_options(flags, train));
    example::evaluate(model, test, flags);
    example::finish(model, test, flags);
  });
}

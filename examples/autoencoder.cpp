// An autoencoder: digits squeezed through 32 numbers and drawn again, without labels (docs/examples/autoencoder.md).
#include "examples/support/example.h"

using namespace cnnc;

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "an autoencoder on MNIST; --size is how many numbers a digit becomes",
                                    {.data = "data", .output = "autoencoder.onnx", .epochs = 5, .size = 32});
  return example::run([&] {
    const auto [train, test] = data::mnist(example::data_folder(flags, "mnist"));

    Sequential model({Input({1, 28, 28}), Flatten(), Dense(128, relu), Dense(flags.size, relu), Dense(128, relu),
                      Dense(784, sigmoid), Reshape({1, 28, 28})});
    if (!flags.json) model.summary();

    // The images are their own labels.
    model.compile(Adam{}, MeanSquaredError{});
    model.fit(train.x, train.x, example::fit_options(flags, train));
    example::evaluate(model, {test.x, test.x}, flags);
    example::save_and_compile(model, flags);
    if (flags.json) return;
    const Array drawn = example::run_executable(flags, test.x.slice(0, 2));
    for (int64_t i = 0; i < 2; ++i) {
      std::printf("\ngiven:\n");
      example::print_image(test.x, i);
      std::printf("drawn again from %lld numbers:\n", static_cast<long long>(flags.size));
      example::print_image(drawn, i);
    }
  });
}

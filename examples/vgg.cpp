// A small VGG: pairs of 3 x 3 convolutions, batch normalisation, ever more channels (docs/examples/vgg.md).
#include "examples/support/example.h"

using namespace cnnc;

static Model vgg(int64_t width) {
  const Tensor images = input({3, 32, 32});
  Tensor x = images;
  for (const int64_t channels : {width, 2 * width, 4 * width}) {
    for (int i = 0; i < 2; ++i) {
      x = conv2d(x, channels, {3, 3}, {.padding = Padding::same, .use_bias = false, .kernel_initializer = pytorch_uniform});
      x = relu(batch_normalization(x));
    }
    x = max_pool2d(x);
  }
  x = dense(flatten(x), 4 * width, {.activation = relu, .kernel_initializer = pytorch_uniform});
  return Model(images, dense(dropout(x, 0.3), 10, {.kernel_initializer = pytorch_uniform}));
}

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "a small VGG on CIFAR-10; --size is the width of its first block",
                                    {.data = "data", .output = "vgg.onnx", .epochs = 5, .size = 32});
  return example::run([&] {
    const auto [train, test] = data::cifar10(example::data_folder(flags, "cifar-10-batches-bin"));
    Model model = vgg(flags.size);
    if (!flags.json) model.summary();

    model.compile(Adam{.learning_rate = 3e-4}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
    model.fit(train, example::fit_options(flags, train));
    example::evaluate(model, test, flags);
    example::finish(model, test, flags);
  });
}

// GoogLeNet's inception modules on small images (docs/examples/googlenet.md).
#include "examples/support/example.h"

using namespace cnnc;

// Four views of the same image, side by side: 1 x 1, 3 x 3, 5 x 5, and the greatest neighbour.
static Tensor inception(const Tensor& x, int64_t width) {
  const auto conv = [](const Tensor& t, int64_t channels, int64_t kernel) {
    return relu(batch_normalization(conv2d(t, channels, kernel, {.padding = Padding::same, .use_bias = false})));
  };
  const Tensor pooled = max_pool2d(x, 3, {.strides = 1, .padding = Padding::same});
  return concatenate({conv(x, 2 * width, 1), conv(conv(x, 2 * width, 1), 4 * width, 3),
                      conv(conv(x, width, 1), width, 5), conv(pooled, width, 1)});
}

static Model googlenet(int64_t width) {
  const Tensor images = input({3, 32, 32});
  Tensor x = conv2d(images, 2 * width, {3, 3}, Padding::same, relu);
  x = inception(inception(x, width), width);
  x = max_pool2d(x, 3, {.strides = 2, .padding = Padding::same});
  x = inception(inception(x, 2 * width), 2 * width);
  x = max_pool2d(x, 3, {.strides = 2, .padding = Padding::same});
  x = inception(x, 4 * width);
  return Model(images, dense(dropout(global_average_pool2d(x), 0.4), 10));
}

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "inception modules on CIFAR-10; --size is their width",
                                    {.data = "data", .output = "googlenet.onnx", .epochs = 5, .size = 8});
  return example::run([&] {
    const auto [train, test] = data::cifar10(example::data_folder(flags, "cifar-10-batches-bin"));
    Model model = googlenet(flags.size);
    if (!flags.json) model.summary();

    model.compile(Adam{}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
    model.fit(train, example::fit_options(flags, train));
    example::evaluate(model, test, flags);
    example::finish(model, test, flags);
  });
}

// ResNet for small images: blocks that add what they learn to what they were given (docs/examples/resnet.md).
#include <cmath>

#include "examples/support/example.h"

using namespace cnnc;

static Tensor convolution(const Tensor& x, int64_t channels, int64_t kernel, int64_t stride) {
  const Tensor y = conv2d(x, channels, kernel, {.strides = stride, .padding = Padding::same, .use_bias = false,
                                                .kernel_initializer = he_normal, .kernel_regularizer = L2(1e-4)});
  return batch_normalization(y, {.momentum = 0.9});
}

static Tensor block(const Tensor& x, int64_t channels, int64_t stride) {
  const Tensor y = convolution(relu(convolution(x, channels, 3, stride)), channels, 3, 1);
  const bool same = stride == 1 && x.shape()[1] == channels;
  return relu(y + (same ? x : convolution(x, channels, 1, stride)));
}

static Model resnet(int64_t depth) {
  const Tensor images = input({3, 32, 32});
  Tensor x = relu(convolution(images, 16, 3, 1));
  for (const int64_t channels : {16, 32, 64})
    for (int64_t i = 0; i < (depth - 2) / 6; ++i) x = block(x, channels, channels != 16 && i == 0 ? 2 : 1);
  return Model(images, dense(global_average_pool2d(x), 10));
}

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "a ResNet on CIFAR-10; --size is its depth: 20, 32, 44, 56 ...",
                                    {.data = "data", .output = "resnet.onnx", .epochs = 5, .size = 20});
  return example::run([&] {
    if (flags.size < 8 || (flags.size - 2) % 6 != 0) throw std::runtime_error("--size must be 6 n + 2");
    const auto [train, test] = data::cifar10(example::data_folder(flags, "cifar-10-batches-bin"));
    Model model = resnet(flags.size);
    if (!flags.json) model.summary();

    model.compile(SGD{.learning_rate = 0.1, .momentum = 0.9}, SparseCategoricalCrossentropy{.from_logits = true},
                  {Accuracy{}});
    FitOptions options = example::fit_options(flags, train);
    // Half a cosine, from the rate above to almost nothing.
    options.callbacks.push_back(LearningRateScheduler(
        [&](int64_t epoch, double) { return 0.05 * (1 + std::cos(M_PI * static_cast<double>(epoch) / flags.epochs)); }));
    model.fit(train, options);
    example::evaluate(model, test, flags);
    example::finish(model, test, flags);
  });
}

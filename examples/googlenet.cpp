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

// A classifier half way up, which gives the lower modules a gradient of their own while training.
static Tensor auxiliary(const Tensor& x, int64_t width, const std::string& name) {
  const Tensor y = conv2d(average_pool2d(x, 4), 4 * width, {1, 1}, Padding::same, relu);
  return Dense(10).named(name)(dropout(dense(flatten(y), 16 * width, {.activation = relu}), 0.7));
}

struct GoogLeNet {
  Model training;   // with the auxiliary classifiers: outputs "main", "aux1" and "aux2"
  Model inference;  // the same weights without them
};

static GoogLeNet googlenet(int64_t width) {
  const Tensor images = input({3, 32, 32});
  Tensor x = conv2d(images, 2 * width, {3, 3}, Padding::same, relu);
  x = inception(inception(x, width), width);
  x = max_pool2d(x, 3, {.strides = 2, .padding = Padding::same});
  const Tensor low = inception(x, 2 * width), high = inception(low, 2 * width);
  x = max_pool2d(high, 3, {.strides = 2, .padding = Padding::same});
  x = inception(x, 4 * width);
  const Tensor scores = Dense(10).named("main")(dropout(global_average_pool2d(x), 0.4));
  return {Model({images}, {scores, auxiliary(low, width, "aux1"), auxiliary(high, width, "aux2")}), Model(images, scores)};
}

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "inception modules on CIFAR-10; --size is their width",
                                    {.data = "data", .output = "googlenet.onnx", .epochs = 5, .size = 8});
  return example::run([&] {
    const auto [train, test] = data::cifar10(example::data_folder(flags, "cifar-10-batches-bin"));
    auto [model, inference] = googlenet(flags.size);
    if (!flags.json) model.summary();

    const SparseCategoricalCrossentropy loss{.from_logits = true};
    model.compile(Adam{}, {{.loss = loss, .metrics = {Accuracy{}}}, {.loss = loss, .weight = 0.3}, {.loss = loss, .weight = 0.3}});
    model.fit(train.x, {train.y, train.y, train.y}, example::fit_options(flags, train));

    inference.compile(Adam{}, loss, {Accuracy{}});
    example::evaluate(inference, test, flags);
    example::finish(inference, test, flags);
  });
}

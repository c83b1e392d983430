// A trained network learns another task: its head is replaced, the rest is frozen (docs/examples/finetune.md).
#include "examples/support/example.h"

using namespace cnnc;

// The samples whose labels are in [begin, end), counted from `begin` on.
static Dataset with_labels(const Dataset& all, int begin, int end) {
  std::vector<int64_t> rows;
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < all.y.size(); ++i) {
    const int label = static_cast<int>(all.y.at(i));
    if (label < begin || label >= end) continue;
    rows.push_back(i);
    labels.push_back(label - begin);
  }
  return {all.x.take(rows), Array({static_cast<int64_t>(labels.size())}, labels)};
}

// Without a file to begin with: a network that tells the first five kinds of images apart.
static void train_base(const Dataset& train, const example::Flags& flags) {
  Sequential base({Input({1, 28, 28}), Conv2D(16, {3, 3}, Padding::same, relu), MaxPool2D(),
                   Conv2D(32, {3, 3}, Padding::same, relu), MaxPool2D(), Flatten(), Dense(64, relu), Dense(5)});
  base.compile(Adam{}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
  base.fit(with_labels(train, 0, 5), {.verbose = flags.json ? Verbose::silent : Verbose::automatic});
  base.save(flags.model);
}

// Images in the size and with the channels that the file's network takes.
static Tensor fitted(Tensor x, const Shape& wanted) {
  if (wanted[0] != 1) x = concatenate(Tensors(static_cast<size_t>(wanted[0]), x));
  return wanted[1] == 28 && wanted[2] == 28 ? x : Resizing(wanted[1], wanted[2])(x);
}

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "a trained network learns other classes",
                                    {.data = "data", .output = "finetuned.onnx", .epochs = 2, .model = "base.onnx"});
  return example::run([&] {
    const auto [train, test] = data::mnist(example::data_folder(flags, "mnist"));
    if (!std::filesystem::exists(flags.model)) train_base(train, flags);

    const Model base = Model::load(flags.model).without_head();
    const Tensor images = input({1, 28, 28});
    const Tensor features = base.as_layer().named("base").trainable(false)(fitted(images, base.input_shapes()[0]));
    Model model(images, dense(features.shape().size() == 2 ? features : flatten(features), 5));
    if (!flags.json) model.summary();

    const Dataset few = with_labels(train, 5, 10);
    model.compile(Adam{.learning_rate = 0.003}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}});
    model.fit(few, example::fit_options(flags, few));
    example::evaluate(model, with_labels(test, 5, 10), flags);
    example::finish(model, with_labels(test, 5, 10), flags, 5);
  });
}

// A rare class: weighting its samples raises its recall (docs/examples/imbalanced.md).
#include "examples/support/example.h"

using namespace cnnc;

// All zeros, ones, ..., but only every 50th nine.
static Dataset with_rare_nines(const Dataset& all) {
  std::vector<int64_t> rows;
  int64_t nines = 0;
  for (int64_t i = 0; i < all.y.size(); ++i)
    if (all.y.at(i) != 9 || nines++ % 50 == 0) rows.push_back(i);
  return {all.x.take(rows), all.y.take(rows)};
}

struct Trained {
  Model model;
  double recall;
};

static Trained trained(const Dataset& train, const Dataset& test, const example::Flags& flags,
                       const std::map<int64_t, double>& class_weight) {
  set_random_seed(flags.seed);
  Sequential model({Input({1, 28, 28}), Flatten(), Dense(64, relu), Dense(10)});
  model.compile(Adam{}, SparseCategoricalCrossentropy{.from_logits = true}, {Accuracy{}, Recall{.class_id = 9}});
  FitOptions options = example::fit_options(flags, train);
  options.class_weight = class_weight;
  model.fit(train, options);
  const std::vector<double> results = model.evaluate(test, {.verbose = Verbose::silent});
  std::printf("accuracy %.4f, recall of the rare class %.4f\n", results[1], results[2]);
  return {model, results[2]};
}

int main(int argc, char** argv) {
  const auto flags = example::parse(argc, argv, "weighted classes on MNIST with few nines",
                                    {.data = "data", .output = "imbalanced.onnx", .epochs = 3});
  return example::run([&] {
    const auto [all, test] = data::mnist(example::data_folder(flags, "mnist"));
    const Dataset train = with_rare_nines(all);
    std::printf("Without weights:\n");
    const Trained plain = trained(train, test, flags, {});
    std::printf("A nine counts as 20 samples:\n");
    const Trained weighted = trained(train, test, flags, {{9, 20.0}});
    std::printf("The weights change the recall of nines by %+.4f.\n", weighted.recall - plain.recall);
    example::finish(weighted.model, test, flags);
  });
}

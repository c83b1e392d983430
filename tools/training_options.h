// Options that cnnc train and cnnc eval share.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "codegen/trainer.h"
#include "tools/options.h"

namespace cnnc::tools {

// The model, its data and the loss.
struct DataFlags {
  std::string model, samples, labels, sample_weights, loss;
  std::vector<std::string> class_weights;
  int64_t batch_size = 32;
  double label_smoothing = 0, l1 = 0, l2 = 0;
  bool from_probabilities = false, json = false, quiet = false;
  int threads = 0;
  BuildFlags build;

  void add_to(CLI::App& app);
  LossOptions loss_options() const;
  // Reads the files and checks that they belong together. Throws Error.
  codegen::Dataset dataset() const;
  bool has_weights() const { return !sample_weights.empty() || !class_weights.empty(); }
  // Imports the model for any batch size of these samples.
  codegen::ModelSource model_source(const codegen::Dataset& data) const;
};

// The optimiser and its schedule.
struct OptimizerFlags {
  std::string optimizer = "sgd", schedule;
  // What is given on the command line replaces the optimiser's default.
  std::optional<double> lr, momentum, beta1, beta2, epsilon, rho, initial_accumulator, weight_decay;
  double clip_norm = 0, global_clip_norm = 0, clip_value = 0;
  bool nesterov = false, centered = false;

  void add_to(CLI::App& app);
  OptimizerOptions options() const;
};

// "a,b" and "c" are a, b and c.
std::vector<std::string> words_of(const std::vector<std::string>& lists);

}  // namespace cnnc::tools

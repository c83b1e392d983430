// Options that the commands share that train, evaluate and compile trainers.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "codegen/trainer.h"
#include "tools/options.h"
#include "tools/training_data.h"

namespace cnnc::tools {

// The loss, and the output that it is computed of.
struct LossFlags {
  std::string loss, output;
  double l1 = 0, l2 = 0;
  // What is given on the command line replaces the default.
  std::optional<double> label_smoothing, delta, alpha, beta, gamma;
  bool from_probabilities = false, class_balancing = false;

  // `required`: --loss must be given.
  void add_to(CLI::App& app, bool required);
  // Throws Error, also for an option that the loss does not have.
  LossOptions options(Convention convention) const;
};

// --convention
struct ConventionFlag {
  std::string name = "keras";

  void add_to(CLI::App& app);
  Convention convention() const { return convention_named(name); }
};

// The optimiser and its schedule.
struct OptimizerFlags {
  std::string optimizer = "sgd", schedule;
  // What is given on the command line replaces the optimiser's default.
  std::optional<double> lr, momentum, beta1, beta2, epsilon, rho, initial_accumulator, weight_decay;
  std::optional<double> dampening;
  double clip_norm = 0, global_clip_norm = 0, clip_value = 0;
  bool nesterov = false, centered = false, amsgrad = false;

  void add_to(CLI::App& app);
  // Throws Error, also for an option that the optimiser does not have.
  OptimizerOptions options(Convention convention) const;
  // The learning rate with its schedule. Throws Error.
  LearningRate learning_rate() const;
};

// What training changes, and by which numbers.
struct TrainingFlags {
  LossFlags loss;
  OptimizerFlags optimizer;
  ConventionFlag convention;
  std::vector<std::string> frozen;
  int64_t max_memory = 0;

  void add_to(CLI::App& app, bool loss_is_required);
  // With the limit of memory.
  codegen::BuildOptions limited(codegen::BuildOptions build) const;
  // `initializers` are those that patterns of --freeze are matched with.
  TrainingOptions options(const std::set<std::string>& initializers) const;
};

// Samples and how many of them at a time.
struct DataFlags {
  std::string model;
  DataFiles files;
  int64_t batch_size = 32;
  bool json = false, quiet = false;
  int threads = 0;
  BuildFlags build;

  void add_to(CLI::App& app);
};

// A model file that fits its data: its inputs but for the batch have the shapes of the data.
codegen::TrainedModel trained_model(const DataFlags& flags, const TrainingData& data, const std::string& output);

// Imports a model for a batch size that is a number or a symbol, with other sizes as `options` say
// and only the output of that name ("" is for models with one). See codegen::TrainedModel::graph.
std::unique_ptr<Graph> import_for_training(const std::string& path, ImportOptions options, const Dim& batch,
                                           const std::string& output);

}  // namespace cnnc::tools

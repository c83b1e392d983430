// What training does: the loss, the optimiser and everything around them. Names and formulae are
// those of Keras 3 (docs/decisions/0005-training.md).
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace cnnc {

enum class Loss {
  sparse_categorical_crossentropy,
  categorical_crossentropy,
  binary_crossentropy,
  mse,
  mae,
  huber,
  hinge,
  kl_divergence,
};
// "mse"; throws Error (Fault::usage) listing the names when there is none.
Loss loss_named(const std::string& name);
bool is_classification(Loss loss);

struct LossOptions {
  Loss loss = Loss::mse;
  bool from_probabilities = false;  // else the model's output is logits
  double label_smoothing = 0;
};

enum class OptimizerKind { sgd, adam, adamw, rmsprop, adagrad, lion };
OptimizerKind optimizer_named(const std::string& name);

struct OptimizerOptions {
  // With the defaults of Keras 3 for the kind.
  static OptimizerOptions of(OptimizerKind kind);

  OptimizerKind kind = OptimizerKind::sgd;
  double learning_rate = 0.01;
  double momentum = 0;
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-7;
  double rho = 0.9;
  bool centered = false;
  double initial_accumulator = 0.1;
  double weight_decay = 0;
  // Limits on gradients; 0: none.
  double clip_norm = 0, global_clip_norm = 0, clip_value = 0;
};

struct TrainingOptions {
  LossOptions loss;
  OptimizerOptions optimizer;
  double l1 = 0, l2 = 0;
  // Penalties of single tensors, beside those; they count in evaluation too.
  struct Penalty {
    double l1 = 0, l2 = 0;
  };
  std::map<std::string, Penalty> penalties;
  std::set<std::string> frozen;  // names of tensors that stay as they are
  bool sample_weights = false;   // the step takes a weight for each sample
  bool several_processes = false;  // a step sums over all of them; it takes its own share of the batch
  bool keep_output = false;      // a training step also returns the model's output, for metrics
  uint64_t seed = 0;             // of Dropout
};

}  // namespace cnnc

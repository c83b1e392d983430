// What training does: the loss, the optimiser and everything around them. Names are those of Keras 3, and so are the
// formulae unless PyTorch's are asked for (docs/formulae.md).
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ir/type.h"

namespace cnnc {

class Graph;

// Whose formula is meant where the two differ.
enum class Convention { keras, pytorch };
// "keras", "pytorch"; throws Error (Fault::usage) when it is neither.
Convention convention_named(const std::string& name);
std::string name_of(Convention convention);

enum class Loss {
  sparse_categorical_crossentropy,
  categorical_crossentropy,
  binary_crossentropy,
  mse,
  mae,
  huber,
  hinge,
  kl_divergence,
  squared_hinge,
  categorical_hinge,
  poisson,
  mape,
  msle,
  log_cosh,
  cosine_similarity,
  binary_focal_crossentropy,
  categorical_focal_crossentropy,
  dice,
  tversky,
  custom,
};
// "mse"; throws Error (Fault::usage) listing the names when there is none.
Loss loss_named(const std::string& name);
std::string name_of(Loss loss);
bool is_classification(Loss loss);

struct LossOptions {
  Loss loss = Loss::mse;
  bool from_probabilities = false;  // else the model's output is logits
  double label_smoothing = 0;
  double delta = 1;               // huber: where the line begins
  double alpha = 0.25, gamma = 2; // focal losses; tversky's alpha
  double beta = 0.5;              // tversky
  bool class_balancing = false;   // binary_focal_crossentropy
  Convention convention = Convention::keras;
  // custom: a graph of labels and output, whose own output the mean is taken of.
  std::shared_ptr<const Graph> function = nullptr;
};

// What one output of a model should give.
struct Objective {
  size_t output = 0;
  Type given_labels;  // as the data have them, for as many samples as the model's input has
  LossOptions loss;
  double weight = 1;            // of its loss in the sum of all
  bool sample_weights = false;  // takes a weight for each sample
  std::optional<size_t> mask = {};  // the model's output, bool, that says which places of the first axes count
};

enum class OptimizerKind { sgd, adam, adamw, rmsprop, adagrad, lion, adadelta, adamax };
OptimizerKind optimizer_named(const std::string& name);
std::string name_of(OptimizerKind kind);

struct OptimizerOptions {
  // With the defaults of Keras 3 or PyTorch for the kind. Throws Error (Fault::usage) for lion, which PyTorch lacks.
  static OptimizerOptions of(OptimizerKind kind, Convention convention = Convention::keras);

  OptimizerKind kind = OptimizerKind::sgd;
  Convention convention = Convention::keras;
  double learning_rate = 0.01;
  double momentum = 0;
  double dampening = 0;  // sgd of PyTorch
  bool nesterov = false;
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-7;
  double rho = 0.9;
  bool centered = false;
  bool amsgrad = false;
  double initial_accumulator = 0.1;
  double weight_decay = 0;  // decoupled; with PyTorch's formula of all but adamw added to the gradient
  // Limits on gradients; 0: none.
  double clip_norm = 0, global_clip_norm = 0, clip_value = 0;
};
// Throws Error (Fault::usage) for numbers that make no sense.
void check_numbers(const OptimizerOptions& options);

struct TrainingOptions {
  LossOptions loss;
  OptimizerOptions optimizer;
  double l1 = 0, l2 = 0;
  // Penalties of single tensors, beside those; they count in evaluation too.
  struct Penalty {
    double l1 = 0, l2 = 0;
  };
  std::map<std::string, Penalty> penalties;
  std::set<std::string> frozen;  // names of tensors that stay as they are: constants of the step
  std::set<std::string> held;    // the same of tensors that the step is given each time, for others may change them
  bool sample_weights = false;   // the step takes a weight for each sample
  bool several_processes = false;  // a step sums over all of them; it takes its own share of the batch
  bool keep_output = false;      // a training step also returns what metrics need
  uint64_t seed = 0;             // of Dropout
};

}  // namespace cnnc

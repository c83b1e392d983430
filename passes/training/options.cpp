#include "passes/training/options.h"

#include <utility>

#include "ir/error.h"

namespace cnnc {

template <typename T>
using Names = std::vector<std::pair<const char*, T>>;

template <typename T>
static T named(const char* what, const Names<T>& all, const std::string& name) {
  std::string list;
  for (const auto& [known, value] : all) {
    if (known == name) return value;
    list += (list.empty() ? "" : ", ") + std::string(known);
  }
  throw Error(cat("there is no ", what, " ", quoted(name), "; there are: ", list), Fault::usage);
}

template <typename T>
static std::string name_among(const Names<T>& all, T value, const char* otherwise = "") {
  for (const auto& [known, other] : all)
    if (other == value) return known;
  return otherwise;
}

static const Names<Loss>& losses() {
  static const Names<Loss> kAll = {{"sparse_categorical_crossentropy", Loss::sparse_categorical_crossentropy},
                                   {"categorical_crossentropy", Loss::categorical_crossentropy},
                                   {"binary_crossentropy", Loss::binary_crossentropy},
                                   {"mse", Loss::mse},
                                   {"mae", Loss::mae},
                                   {"huber", Loss::huber},
                                   {"hinge", Loss::hinge},
                                   {"kl_divergence", Loss::kl_divergence},
                                   {"squared_hinge", Loss::squared_hinge},
                                   {"categorical_hinge", Loss::categorical_hinge},
                                   {"poisson", Loss::poisson},
                                   {"mape", Loss::mape},
                                   {"msle", Loss::msle},
                                   {"log_cosh", Loss::log_cosh},
                                   {"cosine_similarity", Loss::cosine_similarity},
                                   {"binary_focal_crossentropy", Loss::binary_focal_crossentropy},
                                   {"categorical_focal_crossentropy", Loss::categorical_focal_crossentropy},
                                   {"dice", Loss::dice},
                                   {"tversky", Loss::tversky}};
  return kAll;
}

Loss loss_named(const std::string& name) { return named("loss", losses(), name); }
std::string name_of(Loss loss) { return name_among(losses(), loss, "custom"); }

bool is_classification(Loss loss) {
  return loss == Loss::sparse_categorical_crossentropy || loss == Loss::categorical_crossentropy ||
         loss == Loss::binary_crossentropy;
}

static const Names<OptimizerKind>& optimizers() {
  static const Names<OptimizerKind> kAll = {{"sgd", OptimizerKind::sgd},           {"adam", OptimizerKind::adam},
                                            {"adamw", OptimizerKind::adamw},       {"rmsprop", OptimizerKind::rmsprop},
                                            {"adagrad", OptimizerKind::adagrad},   {"lion", OptimizerKind::lion},
                                            {"adadelta", OptimizerKind::adadelta}, {"adamax", OptimizerKind::adamax}};
  return kAll;
}

OptimizerKind optimizer_named(const std::string& name) { return named("optimizer", optimizers(), name); }
std::string name_of(OptimizerKind kind) { return name_among(optimizers(), kind); }

static const Names<Convention>& conventions() {
  static const Names<Convention> kAll = {{"keras", Convention::keras}, {"pytorch", Convention::pytorch}};
  return kAll;
}

Convention convention_named(const std::string& name) { return named("convention", conventions(), name); }
std::string name_of(Convention convention) { return name_among(conventions(), convention); }

static OptimizerOptions defaults_of_keras(OptimizerKind kind) {
  OptimizerOptions options;
  options.kind = kind;
  options.learning_rate = kind == OptimizerKind::sgd ? 0.01 : 0.001;
  if (kind == OptimizerKind::adamw) options.weight_decay = 0.004;
  if (kind == OptimizerKind::lion) options.beta2 = 0.99;
  if (kind == OptimizerKind::adadelta) options.rho = 0.95;
  return options;
}

static OptimizerOptions defaults_of_pytorch(OptimizerKind kind) {
  OptimizerOptions options;
  options.kind = kind;
  options.convention = Convention::pytorch;
  options.learning_rate = 0.001;
  options.epsilon = 1e-8;
  options.initial_accumulator = 0;
  switch (kind) {
    case OptimizerKind::adamw:
      options.weight_decay = 0.01;
      break;
    case OptimizerKind::rmsprop:
      options.learning_rate = 0.01, options.rho = 0.99;
      break;
    case OptimizerKind::adagrad:
      options.learning_rate = 0.01, options.epsilon = 1e-10;
      break;
    case OptimizerKind::adadelta:
      options.learning_rate = 1, options.epsilon = 1e-6;
      break;
    case OptimizerKind::adamax:
      options.learning_rate = 0.002;
      break;
    case OptimizerKind::lion:
      throw Error("PyTorch has no optimizer 'lion'; use Keras's formula", Fault::usage);
    default:
      break;
  }
  return options;
}

OptimizerOptions OptimizerOptions::of(OptimizerKind kind, Convention convention) {
  return convention == Convention::keras ? defaults_of_keras(kind) : defaults_of_pytorch(kind);
}

void check_numbers(const OptimizerOptions& o) {
  const auto need = [](bool holds, const char* name, double value, const char* what) {
    if (!holds) throw Error(cat("the optimizer's ", name, " is ", value, ", need ", what), Fault::usage);
  };
  const auto below_1 = [&](const char* name, double value) { need(value >= 0 && value < 1, name, value, "a number in [0, 1)"); };
  const auto positive = [&](const char* name, double value) { need(value >= 0, name, value, "0 or more"); };
  positive("learning rate", o.learning_rate);
  below_1("beta_1", o.beta1);
  below_1("beta_2", o.beta2);
  below_1("rho", o.rho);
  need(o.momentum >= 0 && o.momentum <= 1, "momentum", o.momentum, "a number in [0, 1]");
  need(o.dampening >= 0 && o.dampening <= 1, "dampening", o.dampening, "a number in [0, 1]");
  positive("epsilon", o.epsilon);
  positive("initial accumulator", o.initial_accumulator);
  positive("weight decay", o.weight_decay);
  positive("clipnorm", o.clip_norm);
  positive("global clipnorm", o.global_clip_norm);
  positive("clipvalue", o.clip_value);
  if ((o.clip_norm > 0) + (o.global_clip_norm > 0) + (o.clip_value > 0) > 1)
    throw Error("only one of clipnorm, global clipnorm and clipvalue can be given", Fault::usage);
  const bool is_pytorch = o.convention == Convention::pytorch;
  if (o.dampening != 0 && !(is_pytorch && o.kind == OptimizerKind::sgd && o.momentum > 0))
    throw Error("dampening belongs to sgd with momentum by PyTorch's formula", Fault::usage);
  if (o.nesterov && (o.kind != OptimizerKind::sgd || (is_pytorch && (o.momentum == 0 || o.dampening != 0))))
    throw Error("nesterov belongs to sgd with momentum and without dampening", Fault::usage);
}

}  // namespace cnnc

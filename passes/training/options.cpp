#include "passes/training/options.h"

#include <utility>

#include "ir/error.h"

namespace cnnc {

template <typename T>
static T named(const char* what, const std::vector<std::pair<const char*, T>>& all,
               const std::string& name) {
  std::string list;
  for (const auto& [known, value] : all) {
    if (known == name) return value;
    list += (list.empty() ? "" : ", ") + std::string(known);
  }
  throw Error(cat("there is no ", what, " ", quoted(name), "; there are: ", list), Fault::usage);
}

Loss loss_named(const std::string& name) {
  return named<Loss>("loss",
                     {{"sparse_categorical_crossentropy", Loss::sparse_categorical_crossentropy},
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
                      {"tversky", Loss::tversky}},
                     name);
}

bool is_classification(Loss loss) {
  return loss == Loss::sparse_categorical_crossentropy || loss == Loss::categorical_crossentropy ||
         loss == Loss::binary_crossentropy;
}

OptimizerKind optimizer_named(const std::string& name) {
  return named<OptimizerKind>("optimizer",
                              {{"sgd", OptimizerKind::sgd},
                               {"adam", OptimizerKind::adam},
                               {"adamw", OptimizerKind::adamw},
                               {"rmsprop", OptimizerKind::rmsprop},
                               {"adagrad", OptimizerKind::adagrad},
                               {"lion", OptimizerKind::lion},
                               {"adadelta", OptimizerKind::adadelta},
                               {"adamax", OptimizerKind::adamax}},
                              name);
}

OptimizerOptions OptimizerOptions::of(OptimizerKind kind) {
  OptimizerOptions options;
  options.kind = kind;
  options.learning_rate = kind == OptimizerKind::sgd ? 0.01 : 0.001;
  if (kind == OptimizerKind::adamw) options.weight_decay = 0.004;
  if (kind == OptimizerKind::lion) options.beta2 = 0.99;
  if (kind == OptimizerKind::adadelta) options.rho = 0.95;
  return options;
}

}  // namespace cnnc

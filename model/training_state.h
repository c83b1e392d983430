// What compile() leaves behind and fit() carries on.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "cnnc/training.h"
#include "passes/training/options.h"
#include "runtime/tensor.h"

namespace cnnc::dsl {

struct TrainingState {
  Optimizer optimizer;
  Loss loss;
  std::vector<Metric> metrics;

  LearningRate learning_rate{0.0};
  int64_t step = 0;   // steps done, over all calls of fit
  int64_t epoch = 0;  // epochs done: another order of the samples for each
  std::map<std::string, cnnc::Tensor> optimizer_state = {};
  bool stop = false;

  // As the graph builders take it.
  TrainingOptions options() const;
};

// Throws Error when the optimizer's numbers make no sense.
TrainingState training_state(Optimizer optimizer, Loss loss, std::vector<Metric> metrics);

}  // namespace cnnc::dsl

// What compile() leaves behind and fit() carries on.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/targets.h"
#include "runtime/tensor.h"

namespace cnnc::dsl {

class Steps;

struct TrainingState {
  OptimizerOptions optimizer;
  std::vector<Target> targets;

  LearningRate learning_rate{0.0};
  int64_t step = 0;   // steps done, over all calls of fit
  int64_t epoch = 0;  // epochs done: another order of the samples for each
  std::map<std::string, cnnc::Tensor> optimizer_state = {};
  bool stop = false;
  bool interrupted = false;   // the present fit, by Ctrl-C
  int64_t epochs_before = 0;  // of the present fit: done by a run whose backup was loaded
  std::shared_ptr<Steps> steps = nullptr;  // compiled so far; null before the first use
};

// Throws Error when the optimizer's numbers make no sense.
TrainingState training_state(const Optimizer& optimizer, std::vector<Target> targets);

}  // namespace cnnc::dsl

// Optimisers as graph parts.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "passes/training/options.h"
#include "runtime/training/step_factors.h"

namespace cnnc {

// What the optimiser reads beside the learning rate, computed outside of the graph, in double; and the inputs' names.
StepFactors step_factors(const OptimizerOptions& options);
std::vector<const char*> factor_names(const OptimizerOptions& options);

// The gradients with the options' limits applied.
std::vector<Value*> limited_gradients(Graph& graph, const OptimizerOptions& options, std::vector<Value*> gradients);

// What one step makes of a parameter, as the body of a ForEach node. Shared inputs, single elements: "apply" (bool; when
// false everything stays as it is), "learning_rate" and the optimiser's factors. Then rows: the
// parameter, its gradient and the states. Results: the parameter and the states after the step.
struct UpdateRule {
  // A tensor like the parameter that steps carry along.
  struct State {
    std::string name;
    double initial;  // every element at the start
  };

  std::shared_ptr<Graph> body;
  int64_t shared = 0;
  std::vector<State> states;
};
UpdateRule update_rule(const OptimizerOptions& options, DType dtype);

// The rule for tensors that other nodes compute: inputs "apply", the old row and the new one.
std::shared_ptr<Graph> guarded_copy(DType dtype);

}  // namespace cnnc

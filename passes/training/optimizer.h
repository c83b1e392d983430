// Optimisers as graph parts.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "passes/training/options.h"

namespace cnnc {

// Whether the optimiser reads the number "bias_correction". It is computed outside of the graph, in double
// (runtime/training/step_runner.h).
bool has_bias_correction(OptimizerKind kind);
// The beta2 of its formula: 0 for adamax, whose second moment is a maximum that needs none.
double correction_beta2(const OptimizerOptions& options);

// The gradients with the options' limits applied.
std::vector<Value*> limited_gradients(Graph& graph, const OptimizerOptions& options, std::vector<Value*> gradients);

// What one step makes of a parameter, as the body of a ForEach node. Shared inputs, single elements: "apply" (bool; when
// false everything stays as it is), "learning_rate" and, if the optimiser has one, "bias_correction". Then rows: the
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

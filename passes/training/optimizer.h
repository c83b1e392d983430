// Optimisers as graph parts.
#pragma once
#include <string>
#include <vector>

#include "ir/graph.h"
#include "passes/training/options.h"

namespace cnnc {

// A tensor that steps carry along: an input of the graph and the output that replaces it.
struct CarriedState {
  std::string name;
  Value* input;
  Value* next;
  double initial;  // every element at the start
};

// Numbers that change from step to step, inputs of rank 0. What they are at step t is computed
// outside of the graph, in double (runtime/training/step_runner.h).
struct StepInputs {
  Value* learning_rate = nullptr;
  // adam: sqrt(1 - beta2^t) / (1 - beta1^t), adamax: 1 / (1 - beta1^t); t from 1
  Value* bias_correction = nullptr;
};

// Whether the optimiser reads StepInputs::bias_correction.
bool has_bias_correction(OptimizerKind kind);
// The beta2 of its formula: 0 for adamax, whose second moment is a maximum that needs none.
double correction_beta2(const OptimizerOptions& options);

class OptimizerBuilder {
 public:
  OptimizerBuilder(Graph& graph, const OptimizerOptions& options, const StepInputs& step)
      : g_(graph), options_(options), step_(step) {}

  // All gradients with the limits applied.
  std::vector<Value*> limited(std::vector<Value*> gradients);
  // The parameter after a step; state is added as inputs of the graph.
  Value* updated(Value* parameter, Value* gradient);
  const std::vector<CarriedState>& state() const { return state_; }

 private:
  // A state tensor like the parameter; `set` tells what it becomes.
  Value* add_state(const char* name, double initial = 0);
  Value* set(Value* state, Value* next);

  Value* make(std::string_view op, std::vector<Value*> inputs) {
    return g_.make(op, std::move(inputs));
  }
  Value* scaled(Value* x, double factor);
  // factor * old + (1 - factor) * x
  Value* moving_average(Value* old, Value* x, double factor);
  Value* stepped_back(Value* parameter, Value* step) { return make("Sub", {parameter, step}); }

  Value* sgd(Value* w, Value* g);
  Value* adam(Value* w, Value* g);
  Value* rmsprop(Value* w, Value* g);
  Value* adagrad(Value* w, Value* g);
  Value* lion(Value* w, Value* g);
  Value* adadelta(Value* w, Value* g);
  Value* adamax(Value* w, Value* g);

  Graph& g_;
  const OptimizerOptions& options_;
  StepInputs step_;
  const Value* parameter_ = nullptr;  // that is being updated
  std::vector<CarriedState> state_;
};

}  // namespace cnnc

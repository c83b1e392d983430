// What the outputs of a model should give, and what is measured of them.
#pragma once
#include <string>
#include <vector>

#include "cnnc/training.h"
#include "passes/training/options.h"

namespace cnnc::dsl {

// An output that has a goal.
struct Target {
  size_t output;       // its index among the model's outputs
  std::string prefix;  // of the names of its values: "head_"; empty when the model has one output
  OutputGoal goal;
  LossOptions loss;    // as the graph builders take it
};

// `type` is that of the output. Throws Error when the numbers of the loss make no sense, or its function fails.
Target target_of(size_t output, const Type& type, std::string prefix, OutputGoal goal);

cnnc::Convention to_compiler(Convention convention);

// Whether the loss takes logits; false for those that take neither these nor probabilities.
bool has_logits(const Loss& loss);
bool takes_probabilities(const Loss& loss);
bool takes_classes(const Loss& loss);
// Whether labels are shares of classes, from 0 to 1.
bool takes_shares(const Loss& loss);

}  // namespace cnnc::dsl

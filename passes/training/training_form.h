// Operators that compute something else while a model is trained.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "passes/training/options.h"
#include "passes/training/parameters.h"

namespace cnnc {

struct RunningStatistic {
  std::string name;
  Tensor initial;
  Value *value, *next;  // the graph's input, and what replaces it after the step
};

struct TrainingForm {
  std::vector<RunningStatistic> statistics;
  Value* step_number = nullptr;  // the graph's input "step", when anything is random
};

// BatchNormalization takes the statistics of the batch and updates the running ones, unless those
// are frozen, by the variance of the elements or as PyTorch does by the one of all they are drawn from; Dropout drops, anew at each step, by a generator that counts from `seed`; WhenTraining
// passes its second operand on, whose random numbers come from the same generator.
TrainingForm to_training_form(Graph& graph, const Parameters& parameters, uint64_t seed, Convention convention);
// The model without what it computes only while it is trained.
void to_inference_form(Graph& graph);

}  // namespace cnnc

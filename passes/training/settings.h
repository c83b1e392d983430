// What a step computes, as text that checkpoints keep: training that goes on computes the same.
#pragma once
#include <string>

#include "passes/training/options.h"

namespace cnnc {

// Lines "name = value", always the same names in the same order. What may change from run to run is not among them: the
// learning rate and whatever only decides how long or with which memory is trained.
std::string settings_of(const OptimizerOptions& options);
std::string settings_of(const LossOptions& options);
std::string settings_of(const TrainingOptions& options);

}  // namespace cnnc

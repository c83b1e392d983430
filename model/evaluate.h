// Passes over samples without learning.
#pragma once
#include "model/batch_stream.h"
#include "model/progress.h"
#include "model/running.h"

namespace cnnc::dsl {

// What compile() made; throws Error when it was not called before `what`.
TrainingState& compiled_training(ModelState& model, const char* what);

// All samples in their order; `running` then has the values of all of them. Returns the number of batches.
int64_t evaluate_all(Steps& steps, BatchStream& batches, Running& running, Progress* progress);

}  // namespace cnnc::dsl

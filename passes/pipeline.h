// The order of the passes.
#pragma once
#include "passes/pass_manager.h"

namespace cnnc {

// What inference runs through before kernels are chosen.
Pipeline inference_pipeline();

}  // namespace cnnc

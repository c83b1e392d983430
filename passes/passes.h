// Every pass. passes/pipeline.cpp has the order in which they run.
#pragma once
#include <string_view>
#include <vector>

#include "passes/pass_manager.h"

namespace cnnc {

// Removes nodes that nothing uses.
Pass eliminate_dead_code();
// Makes equal computations one.
Pass cse();
// Computes what depends on constants only, and shapes that are known.
Pass fold_constants();

// All of the above, in order of name: what --passes=... may name.
const std::vector<Pass>& all_passes();
// Throws Error when there is none of that name.
const Pass& pass_named(std::string_view name);

}  // namespace cnnc

// A graph through the whole compiler: passes, choice of kernels, machine code.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "codegen/compile.h"
#include "ir/target.h"
#include "passes/pass_manager.h"

namespace cnnc::codegen {

struct BuildReport {
  bool stopped = false;  // passes.stop_after ended it: the graph cannot be compiled
  std::vector<PassStatistics> passes;
  int64_t bisectable_runs = 0;
  std::string last_bisectable;
};

struct BuildOptions {
  CompileOptions compile;
  PassOptions passes;
  // Told of each graph that optimize() has run on.
  std::function<void(const BuildReport&)> report = nullptr;
};

// What passes ask about the machine.
std::unique_ptr<Target> make_target(const TargetSpec& spec);

// Everything that a graph runs through before it is compiled: the passes of passes/pipeline.h, then select-kernels and
// what depends on kernels.
Pipeline build_pipeline(const CompileOptions& options);
// Runs it. Afterwards the graph can be compiled, unless stopped.
BuildReport optimize(Graph& graph, const BuildOptions& options);

}  // namespace cnnc::codegen

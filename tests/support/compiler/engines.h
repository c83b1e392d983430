// Everything that runs a graph. All must give one answer, the interpreter's; a new engine joins the
// list and inherits every test.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "codegen/compile.h"
#include "ir/graph.h"

namespace cnnc {

struct Engine {
  std::string name;
  std::function<std::vector<Tensor>(const Graph&, const std::vector<Tensor>&)> run;
  // Allowed difference from the interpreter in units in the last place, for one operator. Not zero
  // where sums run in another order.
  double units;
};

// How a graph is brought to machine code and run in this process.
struct JitSettings {
  codegen::Kernels kernels = codegen::Kernels::automatic;
  std::string target = "native";
  bool passes = true;
  int threads = 1;
};

// Compiles the graph once and runs it on each set of inputs.
std::vector<std::vector<Tensor>> jit_runs(const Graph& graph,
                                          const std::vector<std::vector<Tensor>>& inputs,
                                          const JitSettings& settings = {});
std::vector<Tensor> jit_run(const Graph& graph, const std::vector<Tensor>& inputs,
                            const JitSettings& settings = {});

// Within the least memory that recomputing values allows; `symbols` are the sizes of the inputs.
std::vector<Tensor> frugal_run(const Graph& graph, const std::vector<Tensor>& inputs,
                               const std::map<std::string, int64_t>& symbols);

// All engines that this machine has, the interpreter first.
const std::vector<Engine>& engines();

}  // namespace cnnc

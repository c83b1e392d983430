// A graph compiled in this process, and runs of it.
#pragma once
#include <memory>
#include <vector>

#include "codegen/jit.h"
#include "ir/graph.h"

namespace cnnc {

class CompiledGraph {
 public:
  // Optimises and compiles; 0 threads: as many as the machine grants. Throws Error.
  CompiledGraph(std::unique_ptr<Graph> graph, int threads);
  ~CompiledGraph();
  CompiledGraph(const CompiledGraph&) = delete;

  // Types of the outputs for inputs of these types (their elements are not read).
  std::vector<cnnc_tensor_view> prepare(const std::vector<Tensor>& inputs);
  // Runs; `outputs` have memory for what prepare() says.
  void run(const std::vector<Tensor>& inputs, std::vector<cnnc_tensor_view>& outputs);

 private:
  void check(cnnc_status status) const;

  std::unique_ptr<codegen::JitModel> model_;
  cnnc_executable* executable_ = nullptr;
};

}  // namespace cnnc

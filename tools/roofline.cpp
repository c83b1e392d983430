#include "tools/roofline.h"

#include <algorithm>

#include "ir/error.h"
#include "runtime/tensor_set.h"

namespace cnnc::tools {

// A product of matrices of 768 x 768 runs from the caches; a copy of 128 MB runs from no cache.
static constexpr int64_t kMatrix = 768, kCopied = 32 << 20;
static constexpr int kBestOf = 4;

static std::unique_ptr<Graph> product_graph() {
  auto graph = std::make_unique<Graph>("product");
  Value* x = graph->add_input({DType::f32, {kMatrix, kMatrix}}, "x");
  Value* weights = graph->constant(Tensor(DType::f32, {kMatrix, kMatrix}));
  graph->add_output(graph->make("MatMul", {x, weights}), "y");
  return graph;
}

static std::unique_ptr<Graph> copy_graph() {
  auto graph = std::make_unique<Graph>("copy");
  graph->add_output(graph->make("Neg", {graph->add_input({DType::f32, {kCopied}}, "x")}), "y");
  return graph;
}

// The shortest time of the graph's one step, in ns.
static StepProfile best_run(Graph& graph, const BuildFlags& build, int threads) {
  StepProfile best;
  const Session session(graph, build, {threads, true});
  for (int i = 0; i < kBestOf; ++i) {
    const std::vector<StepProfile> steps = profile_steps(session, 1);
    if (i == 0 || steps.back().ns < best.ns) best = steps.back();
  }
  return best;
}

Roofline measure_roofline(const BuildFlags& build, int threads) {
  const StepProfile product = best_run(*product_graph(), build, threads), copy = best_run(*copy_graph(), build, threads);
  return {product.flops / product.ns, copy.bytes / copy.ns};
}

double StepProfile::share_of(const Roofline& roofline) const {
  return ns > 0 ? std::max(flops / roofline.flops, bytes / roofline.bytes) / ns : 0;
}

static std::vector<cnnc_step_info> steps_of(const cnnc_executable* executable) {
  std::vector<cnnc_step_info> steps(static_cast<size_t>(cnnc_step_count(executable)));
  for (size_t i = 0; i < steps.size(); ++i) cnnc_step_query(executable, static_cast<int32_t>(i), &steps[i]);
  return steps;
}

std::vector<StepProfile> profile_steps(const Session& session, int runs) {
  TensorSet tensors(session.executable());
  ErrorText error;
  if (const ExitCode code = tensors.load({}, &error); code != kExitOk) throw Error(error.text, static_cast<Fault>(code));
  const auto run = [&] {
    if (tensors.run() != CNNC_OK) throw Error(cnnc_last_error(session.executable()));
  };
  run();  // binds sizes and brings weights into memory
  const std::vector<cnnc_step_info> before = steps_of(session.executable());
  for (int i = 0; i < runs; ++i) run();
  const std::vector<cnnc_step_info> after = steps_of(session.executable());
  std::vector<StepProfile> result;
  for (size_t i = 0; i < before.size(); ++i) {
    const cnnc_step_info& now = after[i];
    StepProfile step{now.name, now.kernel, now.sources};
    step.flops = static_cast<double>(std::max<int64_t>(now.flops, 0));
    step.bytes = static_cast<double>(std::max<int64_t>(now.bytes, 0));
    step.ns = static_cast<double>(now.nanoseconds - before[i].nanoseconds) / runs;
    result.push_back(std::move(step));
  }
  return result;
}

}  // namespace cnnc::tools

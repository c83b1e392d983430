#include "codegen/build.h"

#include <unistd.h>

#include "codegen/recompute.h"
#include "codegen/updates.h"
#include "codegen/winograd_gradients.h"
#include "passes/pipeline.h"
#include "runtime/cpu_features.h"

namespace cnnc::codegen {

namespace {
class SpecifiedTarget : public Target {
 public:
  explicit SpecifiedTarget(const TargetSpec& spec) : spec_(spec) {}

  std::string name() const override { return spec_.cpu.empty() ? spec_.level : spec_.cpu; }
  int f32_lanes() const override { return spec_.f32_lanes; }
  int vector_registers() const override { return spec_.registers; }
  bool has_feature(std::string_view feature) const override {
    return (spec_.cpu_features & cpu_feature_by_name(std::string(feature).c_str())) != 0;
  }
  // Those of this machine: a target names instruction sets, not caches.
  int64_t cache_bytes(int level) const override {
    const int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
    const long bytes = level >= 1 && level <= 3 ? sysconf(names[level - 1]) : 0;
    return bytes > 0 ? bytes : 0;
  }

 private:
  TargetSpec spec_;
};
}  // namespace

std::unique_ptr<Target> make_target(const TargetSpec& spec) { return std::make_unique<SpecifiedTarget>(spec); }

Pipeline build_pipeline(const CompileOptions& options) {
  Pipeline pipeline = inference_pipeline();
  if (options.kernels != Kernels::dnnl && options.disabled_kernels.count("llvm:winograd_gradient") == 0)
    pipeline.push_back({{winograd_gradients(options.target)}});
  Pass select;
  select.name = "select-kernels";
  select.doc = "Writes on every node which kernel computes it, and packs weights for it.";
  select.required = true;
  select.run = [options](Graph& graph, const Target&) {
    select_kernels(graph, options);
    return true;
  };
  pipeline.push_back({{select, recompute(options), place_updates()}});
  return pipeline;
}

BuildReport optimize(Graph& graph, const BuildOptions& options) {
  const std::unique_ptr<Target> target = make_target(options.compile.target);
  PassManager passes(build_pipeline(options.compile), options.passes, *target);
  passes.run(graph);
  const BuildReport report{passes.stopped(), passes.statistics(), passes.bisectable_runs(), passes.last_bisectable()};
  if (options.report) options.report(report);
  return report;
}

}  // namespace cnnc::codegen

#include "tests/support/compiler/engines.h"

#include "codegen/build.h"
#include "codegen/jit.h"
#include "codegen/recompute.h"
#include "runtime/cpu_features.h"

namespace cnnc {

using codegen::Kernels;

// Sums of the examples' lengths in another order stay well below this.
static constexpr double kUnits = 32;

static codegen::JitModel compile(const Graph& source, const JitSettings& settings) {
  const std::unique_ptr<Graph> graph = source.clone();
  codegen::BuildOptions options;
  options.compile.kernels = settings.kernels;
  options.compile.target = codegen::target_for(settings.target);
  if (!settings.passes) options.passes.disabled = {"all"};
  codegen::optimize(*graph, options);
  return codegen::JitModel(
      codegen::compile(*graph, options.compile, codegen::ObjectKind::jit));
}

std::vector<std::vector<Tensor>> jit_runs(const Graph& graph,
                                          const std::vector<std::vector<Tensor>>& inputs,
                                          const JitSettings& settings) {
  const codegen::JitModel model = compile(graph, settings);
  std::vector<std::vector<Tensor>> outputs;
  for (const std::vector<Tensor>& set : inputs)
    outputs.push_back(codegen::run(model, set, settings.threads));
  return outputs;
}

std::vector<Tensor> jit_run(const Graph& graph, const std::vector<Tensor>& inputs,
                            const JitSettings& settings) {
  return jit_runs(graph, {inputs}, settings)[0];
}

static codegen::JitModel compile_within(const Graph& source, const codegen::MemoryLimit& limit) {
  const std::unique_ptr<Graph> graph = source.clone();
  codegen::BuildOptions options;
  options.compile.memory = limit;
  codegen::optimize(*graph, options);
  return codegen::JitModel(codegen::compile(*graph, options.compile, codegen::ObjectKind::jit));
}

std::vector<Tensor> frugal_run(const Graph& graph, const std::vector<Tensor>& inputs,
                               const std::map<std::string, int64_t>& symbols) {
  codegen::MemoryLimit limit{.bytes = 1, .threads = 1, .sizes = symbols};
  try {
    return codegen::run(compile_within(graph, limit), inputs);
  } catch (const codegen::NotEnoughMemory& error) {
    limit.bytes = error.least();
  }
  return codegen::run(compile_within(graph, limit), inputs);
}

static bool has_level(const char* level) {
  const uint64_t needs = cpu_level_features(level);
  return (host_cpu_features() & needs) == needs;
}

static std::vector<Engine> make_engines() {
  std::vector<Engine> all = {{"interpreter", interpret, 0}};
  auto add = [&](std::string name, JitSettings settings) {
    all.push_back({std::move(name),
                   [settings](const Graph& graph, const std::vector<Tensor>& inputs) {
                     return jit_run(graph, inputs, settings);
                   },
                   kUnits});
  };
  add("jit", {});
  add("jit without passes", {.passes = false});
  add("jit with kernels=llvm", {.kernels = Kernels::llvm});
  add("jit with kernels=dnnl", {.kernels = Kernels::dnnl});
  add("jit with 2 threads", {.threads = 2});
  for (const char* level : {"x86-64-v2", "x86-64-v3", "x86-64-v4"})
    if (has_level(level)) add(std::string("jit for ") + level, {.target = level});
  return all;
}

const std::vector<Engine>& engines() {
  static const std::vector<Engine> all = make_engines();
  return all;
}

}  // namespace cnnc

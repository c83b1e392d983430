#include "codegen/compile.h"

#include <algorithm>
#include <cstring>

#include "codegen/dnnl/steps.h"
#include "codegen/lower.h"
#include "codegen/object_builder.h"
#include "ir/error.h"
#include "runtime/program.h"
#include "runtime/thread_count.h"

namespace cnnc::codegen {

Kernels kernels_named(const std::string& name) {
  if (name == "auto") return Kernels::automatic;
  if (name == "llvm") return Kernels::llvm;
  if (name == "dnnl") return Kernels::dnnl;
  throw Error(cat("unknown kernels ", quoted(name), "; there are auto, llvm and dnnl"), Fault::usage);
}

void Weights::copy_to(void* to) const {
  auto* bytes = static_cast<char*>(to);
  uint64_t at = 0;
  for (const Part& part : parts) {
    std::memset(bytes + at, 0, part.offset - at);
    if (part.tensor.bytes() > 0) std::memcpy(bytes + part.offset, part.tensor.raw(), part.tensor.bytes());
    at = part.offset + part.tensor.bytes();
  }
}

static ObjectBuilder::Finish finish_of(const LoweredProgram& lowered, ObjectKind kind) {
  ObjectBuilder::Finish finish;
  finish.plan = serialize(lowered.program);
  finish.libraries = lowered.libraries;
  finish.weights_bytes = lowered.weights.bytes;
  finish.external_weights = kind == ObjectKind::linked && lowered.weights.bytes > 0;
  return finish;
}

static void check_data(const Weights& weights) {
  for (const Weights::Part& part : weights.parts)
    if (part.tensor.is_elided())
      throw Error("the text form has only hashes of large constants, not their data; print it with all elements");
}

static ObjectBuilder::Options text_options(const CompileOptions& options) {
  return {.thorough = options.thorough, .one_module = true};
}

CompiledModel compile(const Graph& graph, const CompileOptions& options, ObjectKind kind) {
  const int threads = options.compile_threads > 0 ? options.compile_threads : default_thread_count();
  ObjectBuilder builder(options.target, graph.symbols(), {.thorough = options.thorough, .threads = threads});
  LoweredProgram lowered = lower(graph, builder);
  lowered.program.threads = static_cast<uint32_t>(options.threads);
  check_data(lowered.weights);
  CompiledModel model;
  model.object = builder.finish(finish_of(lowered, kind));
  model.weights = std::move(lowered.weights);
  model.uses_dnnl = std::any_of(lowered.libraries.begin(), lowered.libraries.end(), is_dnnl_symbol);
  model.target = options.target;
  return model;
}

std::string llvm_text(const Graph& graph, const CompileOptions& options) {
  ObjectBuilder builder(options.target, graph.symbols(), text_options(options));
  const LoweredProgram lowered = lower(graph, builder);
  return builder.llvm_text(finish_of(lowered, ObjectKind::linked));
}

std::string assembly_text(const Graph& graph, const CompileOptions& options) {
  ObjectBuilder builder(options.target, graph.symbols(), text_options(options));
  const LoweredProgram lowered = lower(graph, builder);
  return builder.assembly(finish_of(lowered, ObjectKind::linked));
}

}  // namespace cnnc::codegen

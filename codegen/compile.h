// A graph becomes a program with machine code.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "codegen/target_machine.h"
#include "ir/graph.h"

namespace cnnc::codegen {

// Kernel families that may be chosen; `automatic` takes the faster one of each node's candidates.
enum class Kernels { automatic, llvm, dnnl };
// `name` when a kernel is called so; throws Error (Fault::usage).
const std::string& kernel_named(const std::string& name);
Kernels kernels_named(const std::string& name);  // "auto", "llvm", "dnnl"; throws Error (Fault::usage)

// What a run may take besides weights, inputs and outputs.
struct MemoryLimit {
  int64_t bytes = 0;                     // 0: what it wants
  int threads = 1;                       // that have scratch memory
  std::map<std::string, int64_t> sizes;  // the largest of the graph's symbols
};

struct CompileOptions {
  Kernels kernels = Kernels::automatic;
  std::set<std::string> disabled_kernels;  // "llvm:winograd": these are not chosen
  TargetSpec target = target_for("native");
  int threads = 0;        // of an executable that is not told how many; 0: what its machine grants
  bool thorough = false;  // LLVM's most thorough code generation
  int compile_threads = 0;  // that generate code; 0: what this process may use. The code does not depend on it
  MemoryLimit memory;
};

// Constants of a program, in the order of their offsets; tensors are shared with the graph.
struct Weights {
  struct Part {
    uint64_t offset;
    Tensor tensor;
  };
  std::vector<Part> parts;
  uint64_t bytes = 0;

  // All of it, parts at their offsets and zeros between them, into `to` (bytes long).
  void copy_to(void* to) const;
};

struct CompiledModel {
  std::vector<char> object;  // ELF relocatable with the symbol `cnnc_model`
  Weights weights;           // the object refers to them by kWeightsSymbol (codegen/object_builder.h) when external
  bool uses_dnnl = false;
  TargetSpec target;
};

enum class ObjectKind { jit, linked };  // linked: refers to kWeightsSymbol

// Compiles a graph on which select_kernels has run.
CompiledModel compile(const Graph& graph, const CompileOptions& options, ObjectKind kind);
// What the code generator makes of it, as text.
std::string llvm_text(const Graph& graph, const CompileOptions& options);
std::string assembly_text(const Graph& graph, const CompileOptions& options);

// Writes `kernel = "..."` on every node that is computed: the first candidate in order that accepts. Packs weights and
// inserts the copies that outputs need. Afterwards the graph can be compiled.
void select_kernels(Graph& graph, const CompileOptions& options);

struct KernelChoice {
  std::string candidate;
  std::string refusal;  // empty: it accepts
};
// What every candidate says about a node, in the order in which they are asked.
std::vector<KernelChoice> kernel_candidates(const Node& node, const CompileOptions& options);

}  // namespace cnnc::codegen

// What the emitter of one kernel works with, and the emitters there are.
#pragma once
#include <llvm/IR/IRBuilder.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "codegen/llvm/contraction.h"
#include "codegen/target_machine.h"
#include "ir/graph.h"

namespace cnnc::codegen {

// Gives the run-time value of a size where code is emitted.
using SizeResolver = std::function<llvm::Value*(const Dim&)>;

// A number of the step that the size function computes: a size, or what an emitter computes from sizes.
struct StepNumber {
  Dim dim = 0;
  std::function<llvm::Value*(llvm::IRBuilderBase&, const SizeResolver&)> compute;  // overrides dim
};

struct KernelNeeds {
  StepNumber tasks;
  std::optional<StepNumber> scratch;  // bytes per thread
  // For a kernel that reads `args` and `sizes` itself: the operands there, before all outputs, and the sizes.
  std::vector<int> operands = {};
  Dims sizes = {};
};

// The function of one kernel while its body is emitted.
struct KernelContext {
  llvm::IRBuilderBase& builder;
  const Node& node;
  int output_index;
  VectorIsa isa;
  std::function<llvm::Value*(int operand)> operand;  // address; the node's operand numbers
  std::function<llvm::Value*(size_t output)> output_at;  // address; of kernels that compute all outputs together
  llvm::Value* output;  // that of `output_index`, or of the first
  SizeResolver size;
  llvm::Value *begin, *end, *scratch;
  llvm::Value *args, *sizes;  // the kernel's tables of addresses and sizes
  SharedFunction shared_function;

  // For the emitters of contraction.h.
  Size size_of(const Dim& dim) const { return dim.is_const() ? Size(dim.value()) : Size(size(dim)); }
};

// What tells the functions of some kernels apart, when these take all sizes at run time, and what the call for a node needs.
struct KernelForm {
  std::string text;
  KernelNeeds needs;
};

struct KernelEmitter {
  std::function<KernelNeeds(KernelContext&)> emit;
  // Null for kernels that are made for the sizes of a node.
  std::function<KernelForm(const Node&, const VectorIsa&)> form = nullptr;
};

// By kernel name ("llvm:loops"); null when there is none.
const KernelEmitter* find_kernel_emitter(const std::string& kind);

KernelNeeds emit_loops_kernel(KernelContext& context);
KernelNeeds emit_for_each_kernel(KernelContext& context);
KernelNeeds emit_contraction_kernel(KernelContext& context);
KernelNeeds emit_winograd_kernel(KernelContext& context);
KernelNeeds emit_winograd_gradient_kernel(KernelContext& context);
KernelNeeds emit_depthwise_kernel(KernelContext& context);
KernelNeeds emit_matmul_kernel(KernelContext& context);
KernelNeeds emit_transpose_kernel(KernelContext& context);
KernelForm transpose_form(const Node& node, const VectorIsa& isa);
KernelNeeds emit_weight_gradient_kernel(KernelContext& context);
KernelNeeds emit_sorted_places_kernel(KernelContext& context);

}  // namespace cnnc::codegen

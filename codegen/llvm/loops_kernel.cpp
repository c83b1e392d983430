#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loops.h"
#include "ir/error.h"

namespace cnnc::codegen {

KernelNeeds emit_loops_kernel(KernelContext& k) {
  std::string why_not;
  const std::optional<LoopNest> nest = loop_nest(k.node, k.output_index, &why_not);
  if (!nest) throw Error(cat(k.node.description(), ": cannot be compiled to loops: ", why_not));
  const auto strides = [&](int operand) {
    return dense_strides(k.node.input(static_cast<size_t>(operand))->type().dims);
  };
  const LoopPlan plan = plan_loops(*nest, strides, k.isa.f32_lanes);
  const auto output = [&](size_t r) { return plan.results.size() == 1 ? k.output : k.output_at(r); };
  emit_loops(k.builder, plan, {k.operand, output, k.size, {}, k.begin, k.end});
  return {{plan.tasks(), nullptr}, std::nullopt};
}

}  // namespace cnnc::codegen

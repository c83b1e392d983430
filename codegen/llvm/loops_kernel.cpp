#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loops.h"
#include "ir/error.h"
#include "ir/scalar_math.h"

namespace cnnc::codegen {

static LoopNest expanded(LoopNest nest) {
  for (LoopNest::Stage& stage : nest.stages) {
    for (Scalar& e : stage.elements) e = expand_math(e);
    stage.value = expand_math(stage.value);
  }
  nest.result = expand_math(nest.result);
  return nest;
}

KernelNeeds emit_loops_kernel(KernelContext& k) {
  std::string why_not;
  const std::optional<LoopNest> nest = loop_nest(k.node, k.output_index, &why_not);
  if (!nest) throw Error(cat(k.node.description(), ": cannot be compiled to loops: ", why_not));
  const auto strides = [&](int operand) {
    return dense_strides(k.node.input(static_cast<size_t>(operand))->type().dims);
  };
  const LoopPlan plan = plan_loops(expanded(*nest), strides, k.isa.f32_lanes);
  emit_loops(k.builder, plan, {k.operand, k.output, k.size, k.begin, k.end});
  return {{plan.tasks(), nullptr}, std::nullopt};
}

}  // namespace cnnc::codegen

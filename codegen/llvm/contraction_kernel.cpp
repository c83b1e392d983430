// Kernels of Conv, ConvTranspose and MatMul nodes, with the node's epilogue on the accumulators.
#include "codegen/llvm/contraction_epilogue.h"
#include "codegen/llvm/contraction_spec.h"
#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loop_builder.h"
#include "codegen/llvm/winograd.h"
#include "codegen/packing.h"
#include "ir/error.h"

namespace cnnc::codegen {

using llvm::Value;

namespace {

ContractionView view_of(const KernelContext& k) {
  std::string why_not;
  std::optional<ContractionView> view = contraction_view(k.node, &why_not);
  CNNC_CHECK(view) << k.node.description() << ": " << why_not;
  return *std::move(view);
}

KernelOperands operands_of(const KernelContext& k, const ContractionView& view) {
  KernelOperands o;
  o.shared_function = k.shared_function;
  auto address = [&](size_t i) -> Value* {
    if (i >= view.operands.size() || view.operands[i].operand < 0) return nullptr;
    return k.operand(view.operands[i].operand);
  };
  o.input = address(0);
  o.weights = address(1);
  o.bias = view.root->is("MatMul") ? nullptr : address(2);
  o.output = k.output;
  o.scratch = k.scratch;
  o.begin = k.begin;
  o.end = k.end;
  return o;
}

SizeOf size_in_kernel(const KernelContext& k) {
  return [&k](const Dim& d) { return k.size_of(d); };
}

// A step number that the size function computes; views refer to nodes, which outlive code generation.
StepNumber computed(std::function<Value*(llvm::IRBuilderBase&, const SizeOf&)> compute) {
  return {0, [compute = std::move(compute)](llvm::IRBuilderBase& b, const SizeResolver& resolve) {
            return compute(b, [&](const Dim& d) { return d.is_const() ? Size(d.value()) : Size(resolve(d)); });
          }};
}

// Tasks of part i of a convolution.
using PartTasks = std::function<Value*(llvm::IRBuilderBase&, size_t i, const ConvolutionSpec&)>;

}  // namespace

// The parts of a convolution one after the other: emit(i, part, operands) emits the tasks of part i that are among those
// of `operands`.
static void emit_parts(KernelContext& k, const ContractionView& view, const PartTasks& tasks,
                       const std::function<void(size_t, const ConvolutionSpec&, const KernelOperands&)>& emit) {
  llvm::IRBuilderBase& b = k.builder;
  const std::vector<ConvolutionSpec> parts = convolution_specs(view, size_in_kernel(k));
  KernelOperands operands = operands_of(k, view);
  Value* first = b.getInt64(0);
  for (size_t i = 0; i < parts.size(); ++i) {
    Value* count = tasks(b, i, parts[i]);
    if (parts.size() > 1) {
      operands.begin = max(b, sub(b, k.begin, first), b.getInt64(0));
      operands.end = min(b, sub(b, k.end, first), count);
    }
    emit(i, parts[i], operands);
    first = add(b, first, count);
  }
}

static StepNumber tasks_of_parts(const ContractionView& view, const PartTasks& tasks) {
  return computed([view, tasks](llvm::IRBuilderBase& b, const SizeOf& size) {
    const std::vector<ConvolutionSpec> parts = convolution_specs(view, size);
    Value* sum = b.getInt64(0);
    for (size_t i = 0; i < parts.size(); ++i) sum = add(b, sum, tasks(b, i, parts[i]));
    return sum;
  });
}

KernelNeeds emit_contraction_kernel(KernelContext& k) {
  const ContractionView view = view_of(k);
  const EpilogueBuilder epilogue(k, view);
  const auto plans = plan_convolutions(convolution_specs(view, planning_size), k.isa);
  const PartTasks tasks = [plans](llvm::IRBuilderBase& b, size_t i, const ConvolutionSpec& part) {
    return emit_convolution_tasks(b, part, plans[i]);
  };
  emit_parts(k, view, tasks, [&](size_t i, const ConvolutionSpec& part, const KernelOperands& operands) {
    emit_convolution(k.builder, part, plans[i], k.isa, operands, epilogue.build());
  });
  return {tasks_of_parts(view, tasks), computed([view, plans](llvm::IRBuilderBase& b, const SizeOf& size) {
            const auto parts = convolution_specs(view, size);
            Value* bytes = b.getInt64(0);
            for (size_t i = 0; i < parts.size(); ++i)
              bytes = max(b, bytes, emit_convolution_scratch(b, parts[i], plans[i]));
            return bytes;
          })};
}

KernelNeeds emit_winograd_kernel(KernelContext& k) {
  const ContractionView view = view_of(k);
  const EpilogueBuilder epilogue(k, view);
  const ConvolutionSpec known = convolution_specs(view, planning_size).front();
  const WinogradPlan plan = plan_winograd(known, k.isa);
  emit_winograd(k.builder, convolution_specs(view, size_in_kernel(k)).front(), plan, k.isa, operands_of(k, view),
                epilogue.build());
  const StepNumber tasks = computed([view, plan](llvm::IRBuilderBase& b, const SizeOf& size) {
    return emit_winograd_tasks(b, convolution_specs(view, size).front(), plan);
  });
  return {tasks, StepNumber{Dim(winograd_scratch(k.builder, known, plan)), nullptr}};
}

KernelNeeds emit_depthwise_kernel(KernelContext& k) {
  const ContractionView view = view_of(k);
  const EpilogueBuilder epilogue(k, view);
  std::vector<DepthwisePlan> plans;
  for (const ConvolutionSpec& part : convolution_specs(view, planning_size))
    plans.push_back(plan_depthwise(part, k.isa));
  const PartTasks tasks = [plans](llvm::IRBuilderBase& b, size_t i, const ConvolutionSpec& part) {
    return emit_depthwise_tasks(b, part, plans[i]);
  };
  emit_parts(k, view, tasks, [&](size_t i, const ConvolutionSpec& part, const KernelOperands& operands) {
    emit_depthwise(k.builder, part, plans[i], k.isa, operands, epilogue.build());
  });
  return {tasks_of_parts(view, tasks), std::nullopt};
}

KernelNeeds emit_matmul_kernel(KernelContext& k) {
  const ContractionView view = view_of(k);
  const EpilogueBuilder epilogue(k, view);
  const MatMulPlan plan = plan_matmul(matmul_spec(view, planning_size), k.isa);
  emit_matmul(k.builder, matmul_spec(view, size_in_kernel(k)), plan, k.isa, operands_of(k, view), epilogue.build());
  return {computed([view, plan](llvm::IRBuilderBase& b, const SizeOf& size) {
            return emit_matmul_tasks(b, matmul_spec(view, size), plan);
          }),
          computed([view, plan](llvm::IRBuilderBase& b, const SizeOf& size) {
            return emit_matmul_scratch(b, matmul_spec(view, size), plan);
          })};
}

}  // namespace cnnc::codegen

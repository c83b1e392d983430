// Kernels of Conv, ConvTranspose and MatMul nodes, with the node's epilogue on the accumulators.
#include <algorithm>
#include <map>

#include "ir/affine.h"
#include "codegen/llvm/contraction_spec.h"
#include "codegen/llvm/expression.h"
#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loop_builder.h"
#include "codegen/llvm/winograd.h"
#include "codegen/packing.h"
#include "ir/error.h"
#include "ir/scalar_math.h"

namespace cnnc::codegen {

using llvm::Value;

namespace {

// Loop numbers of joined axes in epilogue offsets.
constexpr int kBatchLoop = 100;
constexpr int kPixelLoop = 101;

class EpilogueBuilder {
 public:
  EpilogueBuilder(const KernelContext& kernel, const ContractionView& view)
      : kernel_(kernel), dims_(view.root_type.dims), axes_(result_axes(view)) {
    if (view.epilogue.get() == nullptr) return;
    const auto strides = [&](int operand) {
      return dense_strides(kernel.node.input(static_cast<size_t>(operand))->type().dims);
    };
    expr_ = join_offsets(expand_math(flatten_loads(view.epilogue, strides)));
  }

  Epilogue build() const {
    if (expr_.get() == nullptr) return nullptr;
    return [this](EpilogueContext& c) { return emit(c); };
  }

 private:
  int channel_axis() const { return static_cast<int>(dims_.size()) - 1; }

  // Offsets that walk all batch (pixel) axes as one are written over the generator's own counter, which saves dividing it.
  Scalar join_offsets(const Scalar& expr) const {
    std::map<const Scalar::Node*, Scalar> done;
    std::function<Scalar(const Scalar&)> go = [&](const Scalar& e) -> Scalar {
      if (auto it = done.find(e.get()); it != done.end()) return it->second;
      Scalar result = e;
      if (e.op() == ScalarOp::load) {
        result = Scalar::load(static_cast<int>(e->integer), e.dtype(), {joined(go(e.arg(0)))});
      } else if (!e->args.empty()) {
        Scalars args;
        for (const Scalar& a : e->args) args.push_back(go(a));
        result = Scalar::make(e.op(), e.dtype(), std::move(args));
      }
      return done[e.get()] = result;
    };
    return go(expr);
  }

  Scalar joined(const Scalar& offset) const {
    const auto affine = affine_form(offset);
    if (!affine) return offset;
    Affine result{affine->constant, {}};
    const Dim channel = affine->coefficient(channel_axis());
    if (!(channel == 0)) result.coefficients[channel_axis()] = channel;
    join_group(*affine, axes_.batch, kBatchLoop, result);
    join_group(*affine, axes_.pixel, kPixelLoop, result);
    return result.scalar();
  }

  void join_group(const Affine& from, const std::vector<int>& axes, int loop, Affine& to) const {
    bool joint = true;
    for (size_t i = 0; i + 1 < axes.size(); ++i) {
      const Dim &here = dims_[static_cast<size_t>(axes[i])], &next = dims_[static_cast<size_t>(axes[i + 1])];
      joint = joint && (here == 1 || from.coefficient(axes[i]) == from.coefficient(axes[i + 1]) * next);
    }
    if (axes.empty()) return;
    if (joint) {
      const Dim c = from.coefficient(axes.back());
      if (!(c == 0)) to.coefficients[loop] = c;
      return;
    }
    for (int a : axes)
      if (!(from.coefficient(a) == 0)) to.coefficients[a] = from.coefficient(a);
  }

  Value* emit(EpilogueContext& c) const {
    ExpressionScope scope;
    scope.lanes = c.lanes;
    scope.mask = c.mask;
    scope.size = kernel_.size;
    scope.operand = kernel_.operand;
    scope.param = [&](int, DType) { return Emitted{c.lanes > 1 ? Emitted::vector : Emitted::uniform, c.value}; };
    scope.index = [&](int loop) { return index(c, loop); };
    ExpressionEmitter emitter(c.builder, scope);
    Value* result = emitter.emit_vector(expr_);
    if (expr_.dtype() == DType::boolean) result = c.builder.CreateZExt(result, lanes_of(c.builder.getInt8Ty(), c.lanes));
    return result;
  }

  Emitted index(EpilogueContext& c, int loop) const {
    if (loop == kBatchLoop) return {Emitted::uniform, c.batch};
    if (loop == kPixelLoop) return {Emitted::uniform, c.pixel};
    if (loop == channel_axis())
      return c.lanes > 1 ? Emitted{Emitted::linear, c.channel, 1} : Emitted{Emitted::uniform, c.channel};
    const bool in_batch = std::find(axes_.batch.begin(), axes_.batch.end(), loop) != axes_.batch.end();
    const std::vector<int>& group = in_batch ? axes_.batch : axes_.pixel;
    std::vector<Value*> extents;
    for (int a : group) extents.push_back(kernel_.size(dims_[static_cast<size_t>(a)]));
    const std::vector<Value*> place = unflatten(c.builder, in_batch ? c.batch : c.pixel, extents);
    return {Emitted::uniform, place[static_cast<size_t>(std::find(group.begin(), group.end(), loop) - group.begin())]};
  }

  const KernelContext& kernel_;
  Dims dims_;
  ResultAxes axes_;
  Scalar expr_;
};

ContractionView view_of(const KernelContext& k) {
  std::string why_not;
  std::optional<ContractionView> view = contraction_view(k.node, &why_not);
  CNNC_CHECK(view) << k.node.description() << ": " << why_not;
  return *std::move(view);
}

KernelOperands operands_of(const KernelContext& k, const ContractionView& view) {
  KernelOperands o;
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

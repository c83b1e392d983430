// One kernel for all sets of a ForEach node: the loops of its body inside of a loop over the sets. Tasks are numbered through:
// those of the first set, then those of the second, and so on.
#include "codegen/llvm/kernel_context.h"
#include "codegen/llvm/loop_builder.h"
#include "codegen/llvm/loops.h"
#include "ir/affine.h"
#include "ir/error.h"
#include "ir/ops/for_each.h"

namespace cnnc::codegen {

using llvm::Value;

namespace {

// Single elements that the body takes are params of its expressions: loaded once for each set, not at every point.
constexpr int kElement = 2000;

class ForEachEmitter {
 public:
  explicit ForEachEmitter(KernelContext& k)
      : k_(k), b_(k.builder), layout_(k.node), body_(*k.node.region("body")), plan_(plan()) {
    CNNC_CHECK(plan_.chunk > 0) << k.node.description() << ": its body has no loop over a row";
  }

  KernelNeeds emit() {
    emit_loop(b_, b_.getInt64(0), b_.getInt64(layout_.sets), 1, {b_.getInt64(0)},
              [&](Value* set, const Values& first) { return Values{emit_set(set, first[0])}; });
    return needs();
  }

 private:
  bool is_element(int input) const { return body_.inputs()[static_cast<size_t>(input)]->rank() == 0; }

  LoopPlan plan() const {
    std::string why_not;
    std::optional<LoopNest> nest = loop_nest(body_, &why_not);
    if (!nest || !nest->stages.empty())
      throw Error(cat(k_.node.description(), ": its body cannot be compiled to one loop: ", why_not));
    for (LoopNest::Result& r : nest->results)
      r.value = rewrite_leaves(r.value, [&](const Scalar& leaf) {
        const bool element = leaf.op() == ScalarOp::load && is_element(static_cast<int>(leaf->integer));
        return element ? Scalar::param(kElement + static_cast<int>(leaf->integer), leaf.dtype()) : Scalar();
      });
    const auto strides = [&](int input) { return dense_strides(body_.inputs()[static_cast<size_t>(input)]->type().dims); };
    return plan_loops(*nest, strides, k_.isa.f32_lanes);
  }

  // The set's part of the kernel's tasks; `first` is the number of its first one. Returns that of the next set.
  Value* emit_set(Value* set, Value* first) {
    Value* count = b_.CreateLoad(b_.getInt64Ty(), b_.CreateGEP(b_.getInt64Ty(), k_.sizes, set));
    Value* tasks = ceil_div(b_, count, plan_.chunk);
    const auto within = [&](Value* task) {
      return min(b_, max(b_, b_.CreateSub(task, first), b_.getInt64(0)), tasks);
    };
    std::vector<Value*> inputs, outputs;
    for (size_t i = 0; i < body_.inputs().size(); ++i) inputs.push_back(input_address(set, i));
    for (size_t r = 0; r < layout_.outputs; ++r)
      outputs.push_back(address(k_.node.inputs().size() + r, set, layout_.outputs));
    LoopOperands operands;
    operands.operand = [&](int i) { return inputs[static_cast<size_t>(i)]; };
    operands.output = [&](size_t r) { return outputs[r]; };
    operands.size = [&](const Dim& d) { return d.is_const() ? b_.getInt64(static_cast<uint64_t>(d.value())) : count; };
    operands.params = elements(operands);
    operands.begin = within(k_.begin);
    operands.end = within(k_.end);
    emit_loops(b_, plan_, operands);
    return b_.CreateAdd(first, tasks);
  }

  Value* input_address(Value* set, size_t input) {
    if (input < layout_.shared) return address(input, b_.getInt64(0), 0);
    return address(input, set, layout_.inputs);
  }

  // Entry `position + set * stride` of the table of addresses.
  Value* address(size_t position, Value* set, size_t stride) {
    Value* entry = add(b_, mul(b_, set, static_cast<int64_t>(stride)), static_cast<int64_t>(position));
    return b_.CreateLoad(b_.getPtrTy(), b_.CreateGEP(b_.getPtrTy(), k_.args, entry));
  }

  std::map<int, Value*> elements(const LoopOperands& operands) {
    ExpressionScope scope;
    scope.operand = operands.operand;
    ExpressionEmitter emitter(b_, scope);
    std::map<int, Value*> values;
    for (int i = 0; i < static_cast<int>(body_.inputs().size()); ++i)
      if (is_element(i))
        values[kElement + i] =
            emitter.emit_vector(Scalar::load(i, body_.inputs()[static_cast<size_t>(i)]->dtype(), {Scalar::i64(0)}));
    return values;
  }

  KernelNeeds needs() const {
    KernelNeeds needs;
    for (size_t i = 0; i < k_.node.inputs().size(); ++i) needs.operands.push_back(static_cast<int>(i));
    for (size_t set = 0; set < layout_.sets; ++set) {
      const Dim count = layout_.sized_operand(k_.node, set)->type().element_count();
      needs.sizes.push_back(count);
      needs.tasks.dim = needs.tasks.dim + Dim::ceil_div(count, plan_.chunk);
    }
    return needs;
  }

  KernelContext& k_;
  llvm::IRBuilderBase& b_;
  ForEachLayout layout_;
  const Graph& body_;
  LoopPlan plan_;
};

}  // namespace

KernelNeeds emit_for_each_kernel(KernelContext& k) { return ForEachEmitter(k).emit(); }

}  // namespace cnnc::codegen

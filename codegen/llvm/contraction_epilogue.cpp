#include "codegen/llvm/contraction_epilogue.h"

#include <algorithm>
#include <set>

#include "codegen/llvm/loop_builder.h"
#include "codegen/llvm/tile.h"
#include "ir/op_def.h"
#include "ir/scalar_math.h"
#include "ir/scalar_sharing.h"

namespace cnnc::codegen {

using llvm::Value;

namespace {

// Loop numbers of joined axes in epilogue offsets.
constexpr int kBatchLoop = 100;
constexpr int kPixelLoop = 101;
// The param that stands for the offset of the result's own place, which the generator has computed.
constexpr int kOwnPlace = 1999;
// Params from here on are what is the same for all elements.
constexpr int kUniform = 2000;

// The expression with its parts replaced from the top down; `replace` returns an empty Scalar to look at the arguments.
class Replacement {
 public:
  explicit Replacement(std::function<Scalar(const Scalar&)> replace) : replace_(std::move(replace)) {}

  Scalar operator()(const Scalar& e) {
    if (auto it = done_.find(e.get()); it != done_.end()) return it->second;
    Scalar result = replace_(e);
    if (result.get() == nullptr) result = e->args.empty() ? e : with_arguments(e);
    return done_[e.get()] = result;
  }

 private:
  Scalar with_arguments(const Scalar& e) {
    Scalars args;
    for (const Scalar& a : e->args) args.push_back((*this)(a));
    const bool same = std::equal(args.begin(), args.end(), e->args.begin(), [](const Scalar& x, const Scalar& y) { return x.get() == y.get(); });
    if (same) return e;
    if (e.op() == ScalarOp::load) return Scalar::load(static_cast<int>(e->integer), e.dtype(), std::move(args));
    return Scalar::make(e.op(), e.dtype(), std::move(args));
  }

  std::function<Scalar(const Scalar&)> replace_;
  std::map<const Scalar::Node*, Scalar> done_;
};

}  // namespace

EpilogueBuilder::EpilogueBuilder(const KernelContext& kernel, const ContractionView& view)
    : kernel_(kernel), dims_(view.root_type.dims), axes_(result_axes(view)) {
  if (view.results.empty()) return;
  const auto strides = [&](int operand) {
    return dense_strides(kernel.node.input(static_cast<size_t>(operand))->type().dims);
  };
  Scalars all = view.results;
  const Scalars own = own_loads();
  all.insert(all.end(), own.begin(), own.end());
  for (Scalar& e : all) e = join_offsets(expand_math(flatten_loads(e, strides)));
  // Results of an update share most of what they compute.
  all = with_equal_parts_shared(all);
  const auto results_end = all.begin() + static_cast<std::ptrdiff_t>(view.results.size());
  results_.assign(all.begin(), results_end);
  take_uniform_parts();
  std::set<const Scalar::Node*> parts;
  for (const Scalar& e : results_) visit(e, [&](const Scalar& part) { parts.insert(part.get()); });
  std::copy_if(results_end, all.end(), std::back_inserter(own_), [&](const Scalar& e) { return parts.count(e.get()) > 0; });
}

Epilogue EpilogueBuilder::build() const {
  if (results_.empty()) return nullptr;
  return [this](EpilogueContext& c) { return emit(c); };
}

// Offsets that walk all batch (pixel) axes as one are written over the generator's own counter, which saves dividing it.
Scalar EpilogueBuilder::join_offsets(const Scalar& expr) const {
  return Replacement([this](const Scalar& e) {
    return e.op() == ScalarOp::load ? Scalar::load(static_cast<int>(e->integer), e.dtype(), {joined(join_offsets(e.arg(0)))})
                                    : Scalar();
  })(expr);
}

Scalar EpilogueBuilder::joined(const Scalar& offset) const {
  const auto affine = affine_form(offset);
  if (!affine) return offset;
  if (is_own_place(*affine)) return Scalar::param(kOwnPlace, DType::i64);
  Affine result{affine->constant, {}};
  const Dim channel = affine->coefficient(channel_axis());
  if (!(channel == 0)) result.coefficients[channel_axis()] = channel;
  join_group(*affine, axes_.batch, kBatchLoop, result);
  join_group(*affine, axes_.pixel, kPixelLoop, result);
  return result.scalar();
}

bool EpilogueBuilder::is_own_place(const Affine& offset) const {
  const Dims strides = dense_strides(dims_);
  for (size_t axis = 0; axis < dims_.size(); ++axis)
    if (!(dims_[axis] == 1) && !(offset.coefficient(static_cast<int>(axis)) == strides[axis])) return false;
  return offset.constant == 0;
}

void EpilogueBuilder::join_group(const Affine& from, const std::vector<int>& axes, int loop, Affine& to) const {
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

// Of every operand of the result's sizes.
Scalars EpilogueBuilder::own_loads() const {
  const Scalars place = OpContext::indices(static_cast<int>(dims_.size()));
  Scalars loads;
  for (size_t i = 0; i < kernel_.node.inputs().size(); ++i) {
    const auto* operand = kernel_.node.input(i);
    if (operand && operand->type().dims == dims_) loads.push_back(Scalar::load(static_cast<int>(i), operand->dtype(), place));
  }
  return loads;
}

void EpilogueBuilder::take_uniform_parts() {
  std::map<const Scalar::Node*, bool> known;
  Replacement replacement([&](const Scalar& e) {
    const bool computed = e.op() == ScalarOp::load || !e->args.empty();
    return computed && e.dtype() != DType::i64 && is_uniform(e, known) ? add_uniform(e) : Scalar();
  });
  for (Scalar& result : results_) result = replacement(result);
}

// Whether it is an expression of single elements, which there always are.
bool EpilogueBuilder::is_uniform(const Scalar& e, std::map<const Scalar::Node*, bool>& known) const {
  if (auto it = known.find(e.get()); it != known.end()) return it->second;
  bool uniform = e.op() != ScalarOp::index && e.op() != ScalarOp::param && e.op() != ScalarOp::size && size_of(e.dtype()) <= 8;
  if (e.op() == ScalarOp::load) {
    uniform = uniform && kernel_.node.input(static_cast<size_t>(e->integer))->type().element_count() == 1 &&
              e.arg(0).is_constant();
  } else {
    for (const Scalar& a : e->args) uniform = uniform && is_uniform(a, known);
  }
  return known[e.get()] = uniform;
}

Scalar EpilogueBuilder::add_uniform(const Scalar& expr) {
  ExpressionScope scope;
  scope.operand = kernel_.operand;
  scope.size = kernel_.size;
  llvm::IRBuilderBase& b = kernel_.builder;
  Uniform uniform;
  uniform.value = ExpressionEmitter(b, scope).emit_vector(expr);
  if (expr.dtype() != DType::boolean) {
    llvm::BasicBlock& entry = b.GetInsertBlock()->getParent()->getEntryBlock();
    uniform.place = llvm::IRBuilder<>(&entry, entry.begin()).CreateAlloca(uniform.value->getType());
    b.CreateStore(uniform.value, uniform.place);
  }
  uniform_.push_back(uniform);
  return Scalar::param(kUniform + static_cast<int>(uniform_.size()) - 1, expr.dtype());
}

Value* EpilogueBuilder::emit(EpilogueContext& c) const {
  ExpressionScope scope;
  scope.lanes = c.lanes;
  scope.mask = c.mask;
  scope.size = kernel_.size;
  scope.operand = kernel_.operand;
  scope.param = [&](int number, DType) { return param(c, number); };
  scope.index = [&](int loop) { return index(c, loop); };
  ExpressionEmitter emitter(c.builder, scope);
  for (const Scalar& load : own_) emitter.emit(load);
  // A result may take the place of an operand that another one reads too, so nothing is stored before all are computed.
  std::vector<Value*> values;
  for (const Scalar& result : results_) {
    Value* value = emitter.emit_vector(result);
    if (result.dtype() == DType::boolean) value = c.builder.CreateZExt(value, lanes_of(c.builder.getInt8Ty(), c.lanes));
    values.push_back(value);
  }
  for (size_t r = 1; r < values.size(); ++r) {
    Value* place = c.builder.CreateGEP(values[r]->getType()->getScalarType(), kernel_.output_at(r), c.offset);
    store_lanes(c.builder, values[r], place, c.mask);
  }
  return values[0];
}

Emitted EpilogueBuilder::param(EpilogueContext& c, int number) const {
  if (number == kOwnPlace) return {c.lanes > 1 ? Emitted::linear : Emitted::uniform, c.offset, 1};
  if (number < kUniform) return {c.lanes > 1 ? Emitted::vector : Emitted::uniform, c.value};
  const Uniform& uniform = uniform_[static_cast<size_t>(number - kUniform)];
  llvm::IRBuilderBase& b = c.builder;
  if (uniform.place) return {Emitted::uniform, b.CreateLoad(uniform.place->getAllocatedType(), uniform.place)};
  if (c.lanes == 1) return {Emitted::uniform, uniform.value};
  return {Emitted::vector, mask_of(uniform, c.lanes)};
}

// As a mask it chooses between vectors without a branch. It is made once, where its value is.
Value* EpilogueBuilder::mask_of(const Uniform& uniform, int lanes) const {
  Value*& mask = uniform.masks[lanes];
  if (mask) return mask;
  llvm::IRBuilderBase::InsertPointGuard guard(kernel_.builder);
  if (auto* value = llvm::dyn_cast<llvm::Instruction>(uniform.value)) kernel_.builder.SetInsertPoint(*value->getInsertionPointAfterDef());
  return mask = kernel_.builder.CreateVectorSplat(static_cast<unsigned>(lanes), uniform.value);
}

Emitted EpilogueBuilder::index(EpilogueContext& c, int loop) const {
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

}  // namespace cnnc::codegen

// Shapes that arithmetic on sizes makes become constants where an operator has a constant form for them; the arithmetic then
// has no users left. (Reshape is in canonicalize_reshapes.cpp; contents without symbols are folded by fold-constants.)
#include "ir/op_def.h"
#include "passes/canonicalize.h"

namespace cnnc {

namespace {

bool has_symbolic_content(const Value* v) { return v && !v->constant() && v->content(); }

// ---- Expand ----------------------------------------------------------------------------------------------------------

// Sizes to expand to, with 1 where the operand's symbolic size stays.
std::optional<Ints> constant_expansion(const Node& expand) {
  const Dims &from = expand.input(0)->type().dims, &to = expand.output()->type().dims;
  Ints sizes;
  for (size_t i = 0; i < to.size(); ++i) {
    const bool own = i + from.size() >= to.size();
    if (to[i].is_const()) sizes.push_back(to[i].value());
    else if (own && from[i + from.size() - to.size()] == to[i]) sizes.push_back(1);
    else return std::nullopt;
  }
  return sizes;
}

bool can_expand(const Node& n) { return has_symbolic_content(n.input(1)) && constant_expansion(n).has_value(); }

// ---- Slice -----------------------------------------------------------------------------------------------------------

// A bound of a forward slice as a number: itself, from the end, or beyond the end.
std::optional<int64_t> constant_bound(const Dim& bound, const Dim& size) {
  if (bound.is_const()) return bound.value();
  const Dim rest = size - bound;
  if (!rest.is_const() || rest.value() < 0) return std::nullopt;
  return rest.value() == 0 ? INT64_MAX : -rest.value();
}

Ints sliced_axes(const Node& slice) {
  if (slice.input(3)) return *slice.input(3)->known_ints();
  Ints axes;
  for (size_t i = 0; i < slice.input(1)->content()->size(); ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

// Operand 1 (starts) or 2 (ends) as numbers.
std::optional<Ints> constant_bounds(const Node& slice, size_t operand) {
  const Dims& bounds = *slice.input(operand)->content();
  const Ints axes = sliced_axes(slice);
  Ints numbers;
  for (size_t i = 0; i < bounds.size(); ++i) {
    const int rank = slice.input(0)->rank();
    const auto axis = static_cast<int>(axes[i] < 0 ? axes[i] + rank : axes[i]);
    const auto number = constant_bound(bounds[i], slice.input(0)->dim(axis));
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

bool goes_forwards(const Node& slice) {
  if (slice.input(4) == nullptr) return true;
  const auto steps = slice.input(4)->known_ints();
  for (int64_t step : steps ? *steps : Ints{-1})
    if (step <= 0) return false;
  return true;
}

bool can_slice(const Node& n) {
  if (!has_symbolic_content(n.input(1)) && !has_symbolic_content(n.input(2))) return false;
  if (!n.input(1)->content() || !n.input(2)->content() || !goes_forwards(n)) return false;
  return (n.input(3) == nullptr || n.input(3)->known_ints()) && constant_bounds(n, 1) && constant_bounds(n, 2);
}

Tensor indices(const Ints& numbers, const Value& like) {
  Tensor t(like.dtype(), {static_cast<int64_t>(numbers.size())});
  for (size_t i = 0; i < numbers.size(); ++i) t.set_int(static_cast<int64_t>(i), numbers[i]);
  return t;
}

// What the new operands make of the node's type; types may also be equal without the normal form telling so.
bool infers_same_type(const Node& node, const std::vector<std::pair<size_t, Tensor>>& operands) {
  Graph scratch;
  std::vector<Value*> inputs;
  for (const Value* v : node.inputs()) inputs.push_back(v ? scratch.add_input(v->type()) : nullptr);
  for (size_t i = 1; i < inputs.size(); ++i)
    if (inputs[i]) inputs[i]->set_content(node.input(i)->content());
  for (const auto& [i, tensor] : operands) inputs[i] = scratch.constant(tensor);
  return scratch.make(node.op_name(), std::move(inputs), node.attributes())->type() == node.output()->type();
}

std::vector<std::pair<size_t, Tensor>> slice_operands(const Node& n) {
  return {{1, indices(*constant_bounds(n, 1), *n.input(1))}, {2, indices(*constant_bounds(n, 2), *n.input(2))}};
}

std::vector<std::pair<size_t, Tensor>> expand_operands(const Node& n) { return {{1, Tensor::ints(*constant_expansion(n))}}; }

using Operands = std::vector<std::pair<size_t, Tensor>>;

Rewrite with_constants(const char* name, bool (*applies)(const Node&), Operands (*operands)(const Node&)) {
  const auto condition = [=](const Node& n) { return applies(n) && infers_same_type(n, operands(n)); };
  return {cat("constant-", name), cat(name, "(x, sizes) -> ", name, "(x, constant)"),
          op(name).where(std::function<bool(const Node&)>(condition), "its operands have no symbolic sizes or no constant form"),
          [operands](const Match& m, Graph& g) {
            std::vector<Value*> inputs = m.root().inputs();
            for (const auto& [i, tensor] : operands(m.root())) inputs[i] = g.constant(tensor);
            return g.make(m.root().op_name(), std::move(inputs), m.root().attributes());
          }};
}

}  // namespace

std::vector<Rewrite> shape_operand_rewrites() {
  return {with_constants("Expand", can_expand, expand_operands), with_constants("Slice", can_slice, slice_operands)};
}

}  // namespace cnnc

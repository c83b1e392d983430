#include "ir/gradient.h"

namespace cnnc {

GradientBuilder::GradientBuilder(const Node& node, Graph& graph,
                                 std::vector<Value*> output_gradients, std::vector<bool> wanted)
    : node_(node),
      graph_(graph),
      output_gradients_(std::move(output_gradients)),
      results_(node.inputs().size(), nullptr),
      wanted_(std::move(wanted)) {}

void GradientBuilder::wrt(size_t operand, Value* gradient) {
  CNNC_CHECK(results_[operand] == nullptr)
      << node_.description() << " has two gradients for operand " << operand;
  Value* x = input(operand);
  if (gradient->dtype() != x->dtype()) gradient = make("Cast", {gradient}, {{"to", x->dtype()}});
  results_[operand] = fitted_to(graph_, gradient, x);
}

Value* GradientBuilder::number(double value) const {
  for (const Value* gradient : output_gradients_)
    if (gradient) return graph_.constant(Tensor::scalar(gradient->dtype(), value));
  CNNC_CHECK(false) << node_.description() << " has no gradient";
  return nullptr;
}

Value* GradientBuilder::reshaped_like(Value* x, const Value* like) const {
  return make("Reshape", {x, shape_operand(graph_, like)}, {{"allowzero", int64_t{1}}});
}

Value* shape_operand(Graph& g, const Value* value) {
  if (value->type().is_static()) return g.constant(Tensor::ints(value->type().shape()));
  return g.make("Shape", {const_cast<Value*>(value)});
}

Value* size_operand(Graph& g, const Value* value, int axis) {
  const Dim& size = value->dim(axis);
  if (size.is_const()) return g.constant(Tensor::ints({size.value()}));
  const int64_t from = axis;
  return g.make("Shape", {const_cast<Value*>(value)}, {{"start", from}, {"end", from + 1}});
}

// Axes of `gradient` over which a value of type `like`, aligned at the last axis, was repeated.
static Ints repeated_axes(const Value* gradient, const Value* like) {
  Ints axes;
  const int extra = gradient->rank() - like->rank();
  for (int a = 0; a < gradient->rank(); ++a) {
    if (a < extra || (like->dim(a - extra) == 1 && !(gradient->dim(a) == 1))) axes.push_back(a);
  }
  return axes;
}

static bool same_dims(const Value* a, const Value* b) { return a->type().dims == b->type().dims; }

Value* fitted_to(Graph& g, Value* gradient, const Value* like) {
  if (same_dims(gradient, like)) return gradient;
  const Ints axes = repeated_axes(gradient, like);
  if (!axes.empty())
    gradient = g.make("ReduceSum", {gradient, g.constant(Tensor::ints(axes))},
                      {{"keepdims", int64_t{1}}});
  if (gradient->rank() > like->rank()) {
    Ints leading;
    for (int a = 0; a < gradient->rank() - like->rank(); ++a) leading.push_back(a);
    gradient = g.make("Squeeze", {gradient, g.constant(Tensor::ints(leading))});
  }
  if (same_dims(gradient, like)) return gradient;
  return g.make("Expand", {gradient, shape_operand(g, like)});
}

}  // namespace cnnc

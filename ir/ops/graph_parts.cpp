#include "ir/ops/graph_parts.h"

namespace cnnc {

Value* converted(Graph& g, Value* x, DType dtype) {
  return x->dtype() == dtype ? x : g.make("Cast", {x}, {{"to", dtype}});
}

Value* widened(Graph& g, Value* x) {
  return x->dtype() == DType::f16 || x->dtype() == DType::bf16 ? converted(g, x, DType::f32) : x;
}

Value* reduced(Graph& g, std::string_view reduction, Value* x, const Ints& axes) {
  return g.make(reduction, {x, g.constant(Tensor::ints(axes))}, {{"keepdims", int64_t{1}}});
}

Value* number_like(Graph& g, const Value* x, double number) {
  return g.constant(Tensor::scalar(x->dtype(), number));
}

Value* axis_times_matrix(Graph& g, Value* x, int axis, Value* matrix) {
  const int last = x->rank() - 1;
  if (axis == last && last > 0) return g.make("MatMul", {x, matrix});
  if (last == 0) {  // MatMul of a vector has other rules for its sizes
    Value* row = g.make("Unsqueeze", {x, g.constant(Tensor::ints({0}))});
    return g.make("Squeeze", {g.make("MatMul", {row, matrix}), g.constant(Tensor::ints({0}))});
  }
  Ints perm;
  for (int a = 0; a <= last; ++a) perm.push_back(a);
  std::swap(perm[static_cast<size_t>(axis)], perm.back());
  Value* rows = g.make("Transpose", {x}, {{"perm", perm}});
  return g.make("Transpose", {g.make("MatMul", {rows, matrix})}, {{"perm", perm}});
}

Value* inverse_deviation(Graph& g, Value* variance, double epsilon) {
  return g.make("Reciprocal",
                {g.make("Sqrt", {g.make("Add", {variance, number_like(g, variance, epsilon)})})});
}

Moments moments(Graph& g, Value* x, const Ints& axes) {
  Moments m;
  m.mean = reduced(g, "ReduceMean", x, axes);
  m.centred = g.make("Sub", {x, m.mean});
  m.variance = reduced(g, "ReduceMean", g.make("Mul", {m.centred, m.centred}), axes);
  return m;
}

}  // namespace cnnc

// Running totals.
//
// Each element is a reduction over its axis of which only the elements before it count: quadratic
// in the axis, and expressed without an order of evaluation.
#include "ir/gradient.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {
using enum DType;

std::vector<Type> cumulative_type(const OpContext& c) {
  const Ints axis = c.need_ints(1);
  c.require(axis.size() == 1, "axis is ", c.type(1), ", need one element");
  c.axis(axis[0], c.rank());
  return {c.type()};
}

ComputeFn running_total(double neutral, Scalar (*combine)(const Scalar&, const Scalar&)) {
  return [neutral, combine](const OpContext& c, int) {
    const auto axis = static_cast<size_t>(c.axis(c.need_ints(1)[0], c.rank()));
    const DType type = c.dtype() == f16 || c.dtype() == bf16 ? f32 : c.dtype();
    Computation result;
    result.dtype = c.dtype();
    result.space = c.dims();
    result.reduce = {c.dims()[axis]};
    Scalars at = OpContext::indices(c.rank());
    const Scalar here = at[axis], there = Scalar::index(c.rank());
    at[axis] = there;
    const bool exclusive = c.integer("exclusive") != 0, reverse = c.integer("reverse") != 0;
    const Scalar &first = reverse ? here : there, &second = reverse ? there : here;
    const Scalar counts = exclusive ? first < second : first <= second;
    result.elements = {select(counts, cast(c.load(0, at), type), Scalar::constant(type, neutral))};
    result.init = {Scalar::constant(type, neutral)};
    result.combine = {combine(Scalar::param(0, type), Scalar::param(1, type))};
    result.value = cast(Scalar::param(0, type), c.dtype());
    return result;
  };
}

CNNC_OP(CumSum)
    .doc(
        "Sum of the elements up to each one on `axis`: without itself when exclusive = 1, from the "
        "end when reverse = 1.")
    .onnx({11, 14})
    .input("x", kNumberTypes)
    .input("axis", kIndexTypes, "T2")
    .attribute("exclusive", 0)
    .attribute("reverse", 0)
    .infer(cumulative_type)
    .compute(running_total(0, [](const Scalar& a, const Scalar& b) { return a + b; }))
    .gradient([](GradientBuilder& g) {
      Attributes attributes = g.node().attributes();
      attributes["reverse"] = int64_t{g.node().int_attribute("reverse") == 0};
      g.wrt(0, g.make("CumSum", {g.out_grad(), g.input(1)}, attributes));
    })
    .example({random(f32, {2, 5}), given(Tensor::scalar(i64, 1))})
    .example({random(i32, {4, 2}, -9, 9), given(Tensor::of<int32_t>(i32, {1}, {-2}))},
             {{"exclusive", 1}})
    .example({random(f64, {5}), given(Tensor::scalar(i64, 0))}, {{"reverse", 1}})
    .example({random(f16, {5}), given(Tensor::scalar(i64, 0))}, {{"reverse", 1}, {"exclusive", 1}});

// d y[i] / d x[k] is the product of the elements that y[i] counts without x[k]. With zeros counted
// apart, that is the product of the others over x[k], as long as no zero but x[k] is among them.
void cumulative_product_gradient(GradientBuilder& g) {
  Graph& graph = g.graph();
  Value *x = g.input(0), *axis = g.input(1);
  const DType type = x->dtype();
  const Attributes forward = g.node().attributes();
  Attributes backward = forward;
  backward["reverse"] = int64_t{g.node().int_attribute("reverse") == 0};
  Value *zero = number_like(graph, x, 0), *one = number_like(graph, x, 1);
  Value* is_zero = g.make("Equal", {x, zero});
  Value* factors = g.make("Where", {is_zero, one, x});
  Value* zeros = g.make("CumSum", {converted(graph, is_zero, type), axis}, forward);
  Value* terms = g.mul(g.out_grad(), g.make("CumProd", {factors, axis}, forward));
  const auto total_where = [&](Value* zeros_before) {
    Value* counted = g.make("Where", {g.make("Equal", {zeros, zeros_before}), terms, zero});
    return g.make("CumSum", {counted, axis}, backward);
  };
  Value* totals = g.make("Where", {is_zero, total_where(one), total_where(zero)});
  g.wrt(0, g.div(totals, factors));
}

CNNC_OP(CumProd)
    .doc(
        "Product of the elements up to each one on `axis`: without itself when exclusive = 1, from "
        "the end when reverse = "
        "1.")
    .onnx({26})
    .input("x", kNumberTypes)
    .input("axis", kIndexTypes, "T2")
    .attribute("exclusive", 0)
    .attribute("reverse", 0)
    .infer(cumulative_type)
    .compute(running_total(1, [](const Scalar& a, const Scalar& b) { return a * b; }))
    .gradient(cumulative_product_gradient)
    .example({random(f32, {2, 5}), given(Tensor::scalar(i64, 1))})
    .example({random(i64, {4, 2}, -9, 9), given(Tensor::scalar(i64, 0))},
             {{"exclusive", 1}, {"reverse", 1}})
    .example({random(f64, {2, 4}), given(Tensor::scalar(i64, 1))},
             {{"exclusive", 1}, {"reverse", 1}})
    .example({random(f64, {5, 2}), given(Tensor::scalar(i64, 0))}, {{"exclusive", 1}});

}  // namespace
}  // namespace cnnc

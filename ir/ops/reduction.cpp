// Reductions over axes: a term of each element is accumulated, and the total is finished.
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "ir/gradient.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/limits.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

// The axes that are reduced, ascending: all of them when none is given, unless the node asks for
// none then.
std::vector<int> reduced_axes(const OpContext& c) {
  std::vector<int> axes;
  if (c.has(1)) axes = c.axes(c.need_ints(1), c.rank());
  if (axes.empty() && c.integer("noop_with_empty_axes") == 0)
    for (int a = 0; a < c.rank(); ++a) axes.push_back(a);
  std::sort(axes.begin(), axes.end());
  return axes;
}

std::vector<Type> reduction_type(const OpContext& c) {
  const std::vector<int> axes = reduced_axes(c);
  const bool keep = c.integer("keepdims") != 0;
  Type result{c.dtype(), {}};
  for (int a = 0; a < c.rank(); ++a) {
    const bool reduced = std::binary_search(axes.begin(), axes.end(), a);
    if (!reduced)
      result.dims.push_back(c.dims()[static_cast<size_t>(a)]);
    else if (keep)
      result.dims.push_back(1);
  }
  return {result};
}

// Scalar functions of one reduction, all in the accumulator's type.
struct Reduction {
  std::function<Scalar(Scalar)> term = [](Scalar x) { return x; };
  std::function<Scalar(DType)> init;
  std::function<Scalar(Scalar, Scalar)> combine;
  std::function<Scalar(Scalar total, Scalar count)> finish = [](Scalar total, Scalar) {
    return total;
  };
  // f16 and bf16 are always accumulated in f32; integers in their own type, or in this one.
  std::optional<DType> integer_accumulator = std::nullopt;
};

DType accumulator_type(const Reduction& reduction, DType dtype) {
  if (dtype == f16 || dtype == bf16) return f32;
  return is_int(dtype) && reduction.integer_accumulator ? *reduction.integer_accumulator : dtype;
}

// Loads plainly, [index per axis], so that loop nests recognise which axes the reduction keeps.
Scalar reduced_element(const OpContext& c, const std::vector<int>& axes) {
  const bool keep = c.integer("keepdims") != 0;
  int kept = 0, reduced = c.output_type().rank();
  Scalars at;
  for (int a = 0; a < c.rank(); ++a) {
    const bool is_reduced = std::binary_search(axes.begin(), axes.end(), a);
    at.push_back(Scalar::index(is_reduced ? reduced++ : kept));
    if (!is_reduced || keep) ++kept;
  }
  return c.load(0, at);
}

ComputeFn reduction(Reduction r) {
  return [r](const OpContext& c, int) {
    const std::vector<int> axes = reduced_axes(c);
    const DType type = accumulator_type(r, c.dtype());
    Computation result;
    result.dtype = c.dtype();
    result.space = c.output_type().dims;
    for (int a : axes) result.reduce.push_back(c.dims()[static_cast<size_t>(a)]);
    result.elements = {r.term(cast(reduced_element(c, axes), type))};
    result.init = {r.init(type)};
    result.combine = {r.combine(Scalar::param(0, type), Scalar::param(1, type))};
    const Scalar total = Scalar::param(0, type), count = Scalar::size(product(result.reduce));
    result.value = cast(r.finish(total, count), c.dtype());
    return result;
  };
}

// Up to opset 12 (ReduceSum) or 17 (the others) axes were an attribute.
void axes_to_input(OnnxNode& node) { node.attribute_to_input("axes", 1); }

Scalar zero(DType type) { return Scalar::constant(type, 0); }
Scalar one(DType type) { return Scalar::constant(type, 1); }
Scalar add(Scalar a, Scalar b) { return a + b; }
Scalar multiply(Scalar a, Scalar b) { return a * b; }
Scalar greater(Scalar a, Scalar b) { return a.dtype() == boolean ? a || b : max(a, b); }
Scalar less(Scalar a, Scalar b) { return a.dtype() == boolean ? a && b : min(a, b); }
Scalar square(Scalar x) { return x * x; }
Scalar magnitude(Scalar x) { return is_unsigned_int(x.dtype()) ? x : abs(x); }

// ---- gradients

Ints kept_axes(const GradientBuilder& g) {
  const std::vector<int> axes = reduced_axes(g.context());
  return {axes.begin(), axes.end()};
}

// A result with the reduced axes put back, with size 1, so that it broadcasts over the operand.
Value* spread(const GradientBuilder& g, Value* result) {
  const Ints axes = kept_axes(g);
  if (g.node().int_attribute("keepdims") || axes.empty()) return result;
  return g.make("Unsqueeze", {result, g.ints(axes)});
}

// How many elements went into each one of the result, as a number of the result's type.
Value* elements_per_result(const GradientBuilder& g) {
  const Dim count = Dim::floor_div(g.input(0)->type().element_count(),
                                   Dim::max(g.output()->type().element_count(), 1));
  if (count.is_const()) return g.number(static_cast<double>(count.value()));
  Value* ratio = g.div(g.make("Size", {g.input(0)}), g.make("Size", {g.output()}));
  return g.make("Cast", {ratio}, {{"to", g.output()->dtype()}});
}

// Elements equal to the greatest (or least) one share its gradient.
Value* shared_among_winners(const GradientBuilder& g) {
  Value* equal = g.make("Equal", {g.input(0), spread(g, g.output())});
  Value* winners = g.make("Cast", {equal}, {{"to", g.output()->dtype()}});
  Value* count = g.make("ReduceSum", {winners, g.ints(kept_axes(g))});
  return g.mul(winners, g.div(spread(g, g.out_grad()), count));
}

// The product of all the other elements: zeros are counted apart, so that nothing is divided by
// one. It is zero as soon as a zero is among the others.
void product_gradient(GradientBuilder& g) {
  Graph& graph = g.graph();
  Value* x = g.input(0);
  Value *axes = g.ints(kept_axes(g)), *zero = number_like(graph, x, 0);
  const Attributes all = {{"noop_with_empty_axes", int64_t{1}}};
  Value* is_zero = g.make("Equal", {x, zero});
  Value* factors = g.make("Where", {is_zero, number_like(graph, x, 1), x});
  Value* own_zeros = converted(graph, is_zero, x->dtype());
  Value* zeros = g.make("ReduceSum", {own_zeros, axes}, all);
  Value* others = g.div(g.make("ReduceProd", {factors, axes}, all), factors);
  Value* slope = g.make("Where", {g.make("Equal", {zeros, own_zeros}), others, zero});
  g.wrt(0, g.mul(spread(g, g.out_grad()), slope));
}

CNNC_OP(ReduceSum)
    .doc("Sum over the given axes, or over all; 0 over nothing.")
    .onnx({1, 11, 13})
    .onnx_upgrade(12, axes_to_input)
    .input("data", kNumberTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .compute(reduction({.init = zero, .combine = add}))
    .gradient([](GradientBuilder& g) { g.wrt(0, spread(g, g.out_grad())); })
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({1}))})
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({-1, 0}))}, {{"keepdims", 0}})
    .example({random(f64, {2, 3})})
    .example({random(f16, {3, 2}), given(Tensor::ints({0}))})
    .example({random(f32, {2, 3}), given(Tensor::ints({}))}, {{"noop_with_empty_axes", 1}})
    .example({random(f32, {})}, {{"keepdims", 0}})
    .example({random(f32, {2, 0, 3}), given(Tensor::ints({1}))})
    .example({random(i8, {2, 30}, -100, 100), given(Tensor::ints({1}))});

CNNC_OP(ReduceMean)
    .doc("Mean over the given axes, or over all; means of integers are truncated.")
    .onnx({1, 11, 13, 18})
    .onnx_upgrade(17, axes_to_input)
    .input("data", kNumberTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .compute(reduction({.init = zero,
                        .combine = add,
                        .finish = [](Scalar total,
                                     Scalar count) { return total / cast(count, total.dtype()); },
                        .integer_accumulator = f64}))
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.div(spread(g, g.out_grad()), elements_per_result(g)));
    })
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({1, 2}))})
    .example({random(f64, {2, 3})}, {{"keepdims", 0}})
    .example({random(bf16, {2, 3}), given(Tensor::ints({0}))})
    .example({random(i32, {2, 3}, -9, 9), given(Tensor::ints({1}))});

CNNC_OP(ReduceMax)
    .doc(
        "The greatest element over the given axes, or over all; NaN when one is NaN; -infinity, "
        "the least integer or false over nothing.")
    .onnx({1, 11, 12, 13, 18, 20})
    .onnx_upgrade(17, axes_to_input)
    .input("data", kWideTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .compute(reduction({.init = lowest, .combine = greater}))
    .gradient([](GradientBuilder& g) { g.wrt(0, shared_among_winners(g)); })
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({1}))})
    .example({random(f64, {2, 3})}, {{"keepdims", 0}})
    .example({random(i8, {2, 3}, -100, 100), given(Tensor::ints({1}))})
    .example({random(boolean, {2, 3}, 0, 2), given(Tensor::ints({0}))})
    .example({random(f16, {2, 0}), given(Tensor::ints({1}))});

CNNC_OP(ReduceMin)
    .doc(
        "The least element over the given axes, or over all; NaN when one is NaN; infinity, the "
        "greatest integer or true over nothing.")
    .onnx({1, 11, 12, 13, 18, 20})
    .onnx_upgrade(17, axes_to_input)
    .input("data", kWideTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .compute(reduction({.init = highest, .combine = less}))
    .gradient([](GradientBuilder& g) { g.wrt(0, shared_among_winners(g)); })
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({1}))})
    .example({random(f64, {2, 3})}, {{"keepdims", 0}})
    .example({random(u8, {2, 3}, 0, 200), given(Tensor::ints({1}))})
    .example({random(boolean, {2, 3}, 0, 2), given(Tensor::ints({0}))})
    .example({random(u64, {2, 0}), given(Tensor::ints({1}))});

CNNC_OP(ReduceProd)
    .doc("Product over the given axes, or over all; 1 over nothing.")
    .onnx({1, 11, 13, 18})
    .onnx_upgrade(17, axes_to_input)
    .input("data", kNumberTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .compute(reduction({.init = one, .combine = multiply}))
    .gradient(product_gradient)
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({1}))})
    .example({random(f64, {2, 3})}, {{"keepdims", 0}})
    .example({random(i64, {2, 3}, -9, 9), given(Tensor::ints({1}))})
    .example({random(f32, {2, 0}), given(Tensor::ints({1}))});

CNNC_OP(ReduceL1)
    .doc("Sum of absolute values over the given axes, or over all.")
    .onnx({1, 11, 13, 18})
    .onnx_upgrade(17, axes_to_input)
    .input("data", kNumberTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .compute(reduction({.term = magnitude, .init = zero, .combine = add}))
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.mul(spread(g, g.out_grad()), g.make("Sign", {g.input(0)})));
    })
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({1}))})
    .example({random(f64, {2, 3})}, {{"keepdims", 0}})
    .example({random(i32, {2, 3}, -9, 9), given(Tensor::ints({1}))})
    .example({random(f32, {2, 3}), absent()}, {{"noop_with_empty_axes", 1}});

CNNC_OP(ReduceL2)
    .doc("Root of the sum of squares over the given axes, or over all.")
    .onnx({1, 11, 13, 18})
    .onnx_upgrade(17, axes_to_input)
    .input("data", kNumberTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .compute(reduction({.term = square,
                        .init = zero,
                        .combine = add,
                        .finish = [](Scalar total, Scalar) { return sqrt(total); },
                        .integer_accumulator = f64}))
    // 0 where all elements are, as in PyTorch.
    .gradient([](GradientBuilder& g) {
      Graph& graph = g.graph();
      Value* norm = g.output();
      Value* is_zero = g.make("Equal", {norm, number_like(graph, norm, 0)});
      Value* divisor = g.make("Where", {is_zero, number_like(graph, norm, 1), norm});
      g.wrt(0, g.mul(spread(g, g.div(g.out_grad(), divisor)), g.input(0)));
    })
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({1}))})
    .example({random(f64, {2, 3})}, {{"keepdims", 0}})
    .example({random(i32, {2, 3}, -9, 9), given(Tensor::ints({1}))});

CNNC_OP(ReduceLogSum)
    .doc("Logarithm of the sum over the given axes, or over all; -infinity over nothing.")
    .onnx({1, 11, 13, 18, 28})
    .onnx_upgrade(17, axes_to_input)
    .input("data", kNumberTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .compute(reduction({.init = zero,
                        .combine = add,
                        .finish = [](Scalar total, Scalar) { return log(total); },
                        .integer_accumulator = f64}))
    .gradient([](GradientBuilder& g) {
      g.wrt(0, spread(g, g.div(g.out_grad(), g.make("Exp", {g.output()}))));
    })
    .example({random(f32, {2, 3, 4}, 0.1, 2), given(Tensor::ints({1}))})
    .example({random(f64, {2, 3}, 0.1, 2)}, {{"keepdims", 0}})
    .example({random(f16, {2, 0}), given(Tensor::ints({1}))});

CNNC_OP(ReduceSumSquare)
    .doc("Sum of squares over the given axes, or over all.")
    .onnx({1, 11, 13, 18})
    .onnx_upgrade(17, axes_to_input)
    .input("data", kNumberTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .compute(reduction({.term = square, .init = zero, .combine = add}))
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.mul(spread(g, g.mul(g.out_grad(), g.number(2))), g.input(0)));
    })
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({1}))})
    .example({random(f64, {2, 3})}, {{"keepdims", 0}})
    .example({random(i32, {2, 3}, -9, 9), given(Tensor::ints({1}))})
    .example({random(f32, {2, 3})}, {{"noop_with_empty_axes", 1}});

// With m the maximum, log sum e^(x - m) + m overflows for no x. An infinite m is left out, for inf
// - inf is NaN.
std::vector<Value*> stable_log_sum_exp(const Node& node, Graph& g) {
  const OpContext c(node);
  const DType type = c.dtype() == f32                                 ? f32
                     : is_float(c.dtype()) && size_of(c.dtype()) == 2 ? f32
                                                                      : f64;
  Value* x = type == c.dtype() ? node.input(0) : g.make("Cast", {node.input(0)}, {{"to", type}});
  const Attributes none_when_empty = {{"noop_with_empty_axes", c.integer("noop_with_empty_axes")}};
  Value* greatest = g.make("ReduceMax", {x, node.input(1)}, none_when_empty);
  Value* infinite = g.make("IsInf", {greatest});
  Value* shift = g.make("Where", {infinite, g.constant(Tensor::scalar(type, 0)), greatest});
  Value* powers = g.make("Exp", {g.make("Sub", {x, shift})});
  Value* total = g.make("Log", {g.make("ReduceSum", {powers, node.input(1)}, none_when_empty)});
  Value* result = g.make("Add", {total, shift});
  if (type != c.dtype()) result = g.make("Cast", {result}, {{"to", c.dtype()}});
  if (c.integer("keepdims") == 0) {
    const std::vector<int> axes = reduced_axes(c);
    result = g.make("Squeeze", {result, g.constant(Tensor::ints(Ints(axes.begin(), axes.end())))});
  }
  return {result};
}

CNNC_OP(ReduceLogSumExp)
    .doc(
        "Logarithm of the sum of e^x over the given axes, or over all, without overflow; -infinity "
        "over nothing.")
    .onnx({1, 11, 13, 18, 28})
    .onnx_upgrade(17, axes_to_input)
    .input("data", kNumberTypes)
    .optional_input("axes", {i64}, "")
    .attribute("keepdims", 1)
    .attribute("noop_with_empty_axes", 0)
    .infer(reduction_type)
    .decompose(stable_log_sum_exp)
    .gradient([](GradientBuilder& g) {
      Value* share = g.make("Exp", {g.sub(g.input(0), spread(g, g.output()))});
      g.wrt(0, g.mul(spread(g, g.out_grad()), share));
    })
    .example({random(f32, {2, 3, 4}, -200, 200), given(Tensor::ints({1}))})
    .example({random(f64, {2, 3})}, {{"keepdims", 0}})
    .example({random(bf16, {2, 3}), given(Tensor::ints({0}))})
    .example({random(f32, {2, 0}), given(Tensor::ints({1}))})
    .example({given(Tensor::of<float>(f32, {2, 2}, {-INFINITY, -INFINITY, INFINITY, 1})),
              given(Tensor::ints({1}))});

}  // namespace
}  // namespace cnnc

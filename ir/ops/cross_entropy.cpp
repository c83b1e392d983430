// Softmax and cross-entropy as one operator: the loss of each row of logits, and its gradient.
#include "ir/gradient.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {
using enum DType;

CNNC_OP(IndexAlong)
    .doc("The position of each element along an axis, from 0, in the shape of `data`.")
    .input("data")
    .attribute("axis", int64_t{-1})
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.axis(c.integer("axis"), c.rank());
      return {{i32, c.dims()}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      return cast(at[static_cast<size_t>(c.axis(c.integer("axis"), c.rank()))], i32);
    })
    .example({random(f32, {2, 3, 4})})
    .example({random(f32, {2, 3, 4})}, {{"axis", int64_t{0}}});

// What both operators compute of their operands; exp_sum has size 1 on the axis.
struct Rows {
  Ints axes;
  Value *x, *exp_sum, *target;  // the logits less their greatest; the sum of e^x; what softmax should be
};

// Class numbers name the element that is 1.
Value* target_of(const Node& node, Graph& g, const Value* x, int64_t axis) {
  Value* target = node.input(1);
  if (is_int(target->dtype())) {
    Value* place = g.make("IndexAlong", {node.input(0)}, {{"axis", axis}});
    target = g.make("Equal", {converted(g, target, i32), place});
  }
  target = converted(g, target, x->dtype());
  const double s = node.float_attribute("label_smoothing");
  if (s == 0) return target;
  const auto classes = static_cast<double>(x->dim(static_cast<int>(axis)).value());
  return g.make("Add", {g.make("Mul", {target, number_like(g, x, 1 - s)}), number_like(g, x, s / classes)});
}

Rows rows_of(const Node& node, Graph& g) {
  const OpContext c(node);
  const int64_t axis = c.axis(c.integer("axis"), c.rank());
  Rows rows;
  rows.axes = {axis};
  Value* logits = widened(g, node.input(0));
  rows.x = g.make("Sub", {logits, reduced(g, "ReduceMax", logits, rows.axes)});
  rows.exp_sum = reduced(g, "ReduceSum", g.make("Exp", {rows.x}), rows.axes);
  rows.target = target_of(node, g, rows.x, axis);
  return rows;
}

// Where the target is 0 a logit may be minus infinity: the class is impossible.
std::vector<Value*> cross_entropy_parts(const Node& node, Graph& g) {
  const Rows rows = rows_of(node, g);
  Value* surprise = g.make("Sub", {g.make("Log", {rows.exp_sum}), rows.x});
  Value* zero = number_like(g, rows.x, 0);
  Value* counted = g.make("Where", {g.make("Equal", {rows.target, zero}), zero, g.make("Mul", {rows.target, surprise})});
  return {converted(g, reduced(g, "ReduceSum", counted, rows.axes), node.input(0)->dtype())};
}

// dy (softmax(x) sum(target) - target)
std::vector<Value*> cross_entropy_gradient_parts(const Node& node, Graph& g) {
  const Rows rows = rows_of(node, g);
  Value* probability = g.make("Div", {g.make("Exp", {rows.x}), rows.exp_sum});
  Value* expected = g.make("Mul", {probability, reduced(g, "ReduceSum", rows.target, rows.axes)});
  Value* slope = g.make("Sub", {expected, rows.target});
  return {converted(g, g.make("Mul", {slope, converted(g, node.input(2), rows.x->dtype())}), node.input(0)->dtype())};
}

void cross_entropy_gradient(GradientBuilder& b) {
  const Attributes attributes{{"axis", b.node().int_attribute("axis")},
                              {"label_smoothing", b.node().float_attribute("label_smoothing")}};
  if (b.wants(0)) b.wrt(0, b.make("SoftmaxCrossEntropyGradient", {b.input(0), b.input(1), b.out_grad()}, attributes));
  if (!b.wants(1)) return;
  Value* log_p = b.make("LogSoftmax", {b.input(0)}, {{"axis", b.node().int_attribute("axis")}});
  Value* factor = b.number(b.node().float_attribute("label_smoothing") - 1);
  b.wrt(1, converted(b.graph(), b.mul(b.mul(b.out_grad(), factor), log_p), b.input(1)->dtype()));
}

Dims with_one(Dims dims, int axis) {
  dims[static_cast<size_t>(axis)] = 1;
  return dims;
}

// The type of the loss.
Type cross_entropy_type(const OpContext& c) {
  const int axis = c.axis(c.integer("axis"), c.rank());
  const Type loss{c.dtype(), with_one(c.dims(), axis)};
  const Dims& need = is_int(c.dtype(1)) ? loss.dims : c.dims();
  c.require(c.dims(1) == need, "the target is ", c.type(1), ", need ", Type{c.dtype(1), need}, " for logits ", c.type());
  c.require(c.number("label_smoothing") == 0 || c.dims()[static_cast<size_t>(axis)].is_const(),
            "label_smoothing needs a number of classes that is known, axis ", axis, " is ", c.dims()[static_cast<size_t>(axis)]);
  return loss;
}

const DTypes kTargetTypes{f32, f64, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64};

OpDef& of_logits_and_target(std::string name, const char* doc) {
  return register_op(std::move(name))
      .doc(doc)
      .input("logits", kFloatTypes)
      .input("target", kTargetTypes, "T1")
      .attribute("axis", int64_t{-1})
      .attribute("label_smoothing", 0.0);
}

Tensor classes_3_0() { return Tensor::of<int32_t>(i32, {2, 1}, {3, 0}); }

[[maybe_unused]] OpDef& op_SoftmaxCrossEntropy =
    of_logits_and_target("SoftmaxCrossEntropy",
                         "-sum of target * log(softmax(logits)) along the axis, which the result keeps with size 1. An "
                         "integer target has size 1 there too and is the number of the class; with label_smoothing s a "
                         "target t is t (1 - s) + s / classes.")
        .infer([](const OpContext& c) -> std::vector<Type> { return {cross_entropy_type(c)}; })
        .decompose(cross_entropy_parts)
        .gradient(cross_entropy_gradient)
        .example({random(f32, {2, 5}, -4, 4), given(classes_3_0())})
        .example({random(f64, {2, 5}, -4, 4), given(classes_3_0())}, {{"label_smoothing", 0.1}})
        .example({random(f32, {2, 3, 4}, -4, 4), random(f32, {2, 3, 4}, 0, 1)}, {{"axis", int64_t{1}}})
        .example({random(f16, {2, 5}, -4, 4), random(f16, {2, 5}, 0, 1)}, {{"label_smoothing", 0.25}});

[[maybe_unused]] OpDef& op_SoftmaxCrossEntropyGradient =
    of_logits_and_target("SoftmaxCrossEntropyGradient",
                         "The gradient of SoftmaxCrossEntropy with respect to the logits: (softmax(logits) * sum of target "
                         "- target) times the gradient of each row's loss.")
        .input("gradient", kFloatTypes)
        .infer([](const OpContext& c) -> std::vector<Type> {
          const Type loss = cross_entropy_type(c);
          c.require(c.type(2) == loss, "the gradient is ", c.type(2), ", need ", loss);
          return {c.type()};
        })
        .decompose(cross_entropy_gradient_parts)
        .example({random(f32, {2, 5}, -4, 4), given(classes_3_0()), random(f32, {2, 1})})
        .example({random(f64, {2, 3, 4}, -4, 4), random(f64, {2, 3, 4}, 0, 1), random(f64, {2, 1, 4})},
                 {{"axis", int64_t{1}}, {"label_smoothing", 0.1}})
        .example({random(f16, {2, 5}, -4, 4), random(f16, {2, 5}, 0, 1), random(f16, {2, 1})});

}  // namespace
}  // namespace cnnc

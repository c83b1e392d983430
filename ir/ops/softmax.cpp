// Softmax, LogSoftmax, Hardmax.
#include "ir/gradient.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {

std::vector<Type> softmax_type(const OpContext& c) {
  c.axis(c.integer("axis"), c.rank());
  return {c.type()};
}

// x less its greatest element along the axis, so that no exponential overflows.
struct Shifted {
  Value* x;
  Ints axes;
};

Shifted shifted(const Node& node, Graph& g) {
  const OpContext c(node);
  const Ints axes{c.axis(c.integer("axis"), c.rank())};
  Value* x = widened(g, node.input(0));
  return {g.make("Sub", {x, reduced(g, "ReduceMax", x, axes)}), axes};
}

std::vector<Value*> softmax_parts(const Node& node, Graph& g) {
  const Shifted s = shifted(node, g);
  Value* e = g.make("Exp", {s.x});
  return {
      converted(g, g.make("Div", {e, reduced(g, "ReduceSum", e, s.axes)}), node.input(0)->dtype())};
}

std::vector<Value*> log_softmax_parts(const Node& node, Graph& g) {
  const Shifted s = shifted(node, g);
  Value* sum = reduced(g, "ReduceSum", g.make("Exp", {s.x}), s.axes);
  return {converted(g, g.make("Sub", {s.x, g.make("Log", {sum})}), node.input(0)->dtype())};
}

// y (dy - sum of dy y)
void softmax_gradient(GradientBuilder& g) {
  const Ints axes{g.context().axis(g.node().int_attribute("axis"), g.input(0)->rank())};
  Value* weighted = g.mul(g.out_grad(), g.output());
  Value* mean = reduced(g.graph(), "ReduceSum", weighted, axes);
  g.wrt(0, g.mul(g.output(), g.sub(g.out_grad(), mean)));
}

// dy - e^y (sum of dy)
void log_softmax_gradient(GradientBuilder& g) {
  const Ints axes{g.context().axis(g.node().int_attribute("axis"), g.input(0)->rank())};
  Value* total = reduced(g.graph(), "ReduceSum", g.out_grad(), axes);
  g.wrt(0, g.sub(g.out_grad(), g.mul(g.make("Exp", {g.output()}), total)));
}

std::vector<Value*> hardmax_parts(const Node& node, Graph& g) {
  const OpContext c(node);
  const int64_t axis = c.axis(c.integer("axis"), c.rank());
  Value* x = node.input(0);
  Value* first = g.make("ArgMax", {x}, {{"axis", axis}, {"keepdims", int64_t{0}}});
  Value* depth = g.make("Shape", {x}, {{"start", axis}, {"end", axis + 1}});
  Tensor off_on(x->dtype(), {2});
  off_on.set_double(1, 1);
  return {g.make("OneHot", {first, depth, g.constant(std::move(off_on))}, {{"axis", axis}})};
}

// Whether all axes after `axis` have one element.
bool is_last_proper_axis(const Type& type, int64_t axis) {
  for (int64_t i = axis + 1; i < type.rank(); ++i)
    if (!(type.dims[static_cast<size_t>(i)] == 1)) return false;
  return axis < type.rank();
}

// Before opset 13 the operators worked on a matrix: axes before `axis` (default 1) are its rows,
// the rest its columns.
void over_matrix(OnnxNode& n) {
  const std::optional<Attribute> attribute = n.take("axis");
  const int64_t* given = attribute ? std::get_if<int64_t>(&*attribute) : nullptr;
  if (n.inputs.size() != 1 || n.inputs[0] == nullptr || (attribute && given == nullptr)) return;
  Value* x = n.inputs[0];
  int64_t axis = given ? *given : 1;
  if (axis < -x->rank() || axis > x->rank())
    throw Error(cat(n.op, ": axis ", axis, " is out of range for ", x->rank(), " axes"));
  if (axis < 0) axis += x->rank();
  if (is_last_proper_axis(x->type(), axis)) {
    n.attributes["axis"] = axis;
    return;
  }
  Value* matrix = n.graph.make("Flatten", {x}, {{"axis", axis}});
  Value* result = n.graph.make(n.op, {matrix}, {{"axis", int64_t{1}}});
  n.op = "Reshape";
  n.inputs = {result, n.graph.make("Shape", {x})};
  n.attributes.clear();
}

OpDef& along_axis(std::string name, const char* doc) {
  return register_op(std::move(name))
      .doc(doc)
      .onnx({1, 11, 13})
      .onnx_upgrade(12, over_matrix)
      .input("input", kFloatTypes)
      .attribute("axis", int64_t{-1})
      .infer(softmax_type)
      .example({random(DType::f32, {2, 5}, -4, 4)})
      .example({random(DType::f64, {2, 3, 4}, -4, 4)}, {{"axis", int64_t{1}}})
      .example({random(DType::f32, {3}, -4, 4)}, {{"axis", int64_t{0}}})
      .example({random(DType::f16, {2, 3, 2, 2}, -4, 4)}, {{"axis", int64_t{-3}}});
}

[[maybe_unused]] OpDef& op_Softmax =
    along_axis("Softmax", "e^x, divided by its sum along the axis.").decompose(softmax_parts)
        .gradient(softmax_gradient);

[[maybe_unused]] OpDef& op_LogSoftmax =
    along_axis("LogSoftmax", "The logarithm of Softmax, without computing a quotient.")
        .decompose(log_softmax_parts)
        .gradient(log_softmax_gradient);

[[maybe_unused]] OpDef& op_Hardmax =
    along_axis("Hardmax", "1 at the first greatest element along the axis, 0 elsewhere.")
        .decompose(hardmax_parts);

}  // namespace
}  // namespace cnnc

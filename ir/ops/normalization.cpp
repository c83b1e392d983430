// Normalisations over parts of one input: Layer, RMS, Instance, Group, MeanVariance and Lp
// normalisation.
//
// All are built from reductions that keep their axes and element-wise operators, computed in f32
// for 16-bit floats, so that each becomes one loop nest.
#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {

constexpr double kEpsilon = 9.999999747378752e-06;  // ONNX's default, 1e-5 as f32

Ints axes_from(int64_t first, int64_t rank) {
  Ints axes;
  for (int64_t i = first; i < rank; ++i) axes.push_back(i);
  return axes;
}

// A per-channel operand [C] with axes of size 1 appended, so that it broadcasts over [N, C,
// spatial...].
Value* per_channel(Graph& g, Value* v, int rank) {
  if (rank <= 2) return v;
  return g.make("Unsqueeze", {v, g.constant(Tensor::ints(axes_from(1, rank - 1)))});
}

// ---- LayerNormalization, RMSNormalization
// ----------------------------------------------------------------------------

// The first normalised axis; checks that scale and bias broadcast into the input.
int first_axis(const OpContext& c) {
  c.require(c.rank() >= 1, "the input has no axes, need at least one");
  for (size_t i = 1; i < c.input_count(); ++i) {
    if (!c.has(i)) continue;
    bool fits = c.rank(i) <= c.rank();
    for (int a = 1; fits && a <= c.rank(i); ++a) {
      const Dim &own = c.dims(i)[static_cast<size_t>(c.rank(i) - a)],
                &x = c.dims()[static_cast<size_t>(c.rank() - a)];
      fits = own == 1 || own == x || !own.is_const() || !x.is_const();
    }
    c.require(fits, i == 1 ? "scale " : "bias ", c.type(i), " does not broadcast to the input ",
              c.type());
  }
  return c.axis(c.integer("axis"), c.rank());
}

DType stash_dtype(const OpContext& c) {
  const int64_t type = c.integer("stash_type");
  c.require(type == static_cast<int64_t>(DType::f32) || type == static_cast<int64_t>(DType::bf16),
            "stash_type is ", type, ", need 1 (f32) or 16 (bf16)");
  return static_cast<DType>(type);
}

std::vector<Type> layer_norm_type(const OpContext& c) {
  const int axis = first_axis(c);
  Type statistic{stash_dtype(c), c.dims()};
  std::fill(statistic.dims.begin() + axis, statistic.dims.end(), Dim(1));
  return {c.type(), statistic, statistic};
}

std::vector<Value*> layer_norm_parts(const Node& node, Graph& g) {
  const OpContext c(node);
  const Moments m = moments(g, widened(g, node.input(0)), axes_from(first_axis(c), c.rank()));
  Value* inverse = inverse_deviation(g, m.variance, c.number("epsilon"));
  Value* y = g.make("Mul", {m.centred, inverse});
  y = g.make("Mul", {y, converted(g, node.input(1), y->dtype())});
  if (c.has(2)) y = g.make("Add", {y, converted(g, node.input(2), y->dtype())});
  std::vector<Value*> results{converted(g, y, c.dtype())};
  for (size_t i = 1; i < node.output_count(); ++i)
    results.push_back(converted(g, i == 1 ? m.mean : inverse, stash_dtype(c)));
  return results;
}

CNNC_OP(LayerNormalization)
    .doc(
        "(x - mean) / sqrt(variance + epsilon) over the axes from `axis` on, times a scale plus a "
        "bias that broadcast; "
        "optionally also the mean and the reciprocal deviation.")
    .onnx({17})
    .input("X", kFloatTypes)
    .input("Scale", kFloatTypes)
    .optional_input("B", kFloatTypes)
    .output("Y")
    .optional_output("Mean")
    .optional_output("InvStdDev")
    .attribute("axis", int64_t{-1})
    .attribute("epsilon", kEpsilon)
    .attribute("stash_type", int64_t{1})
    .infer(layer_norm_type)
    .decompose(layer_norm_parts)
    .example({random(DType::f32, {2, 3, 8}), random(DType::f32, {8}), random(DType::f32, {8})}, {},
             1)
    .example({random(DType::f32, {2, 3, 4}), random(DType::f32, {3, 4})},
             {{"axis", int64_t{1}}, {"epsilon", 0.1}}, 3)
    .example({random(DType::f64, {2, 3, 4}), random(DType::f64, {3, 1}), random(DType::f64, {})},
             {{"axis", int64_t{-2}}}, 1)
    .example({random(DType::f16, {2, 8}), random(DType::f16, {8}), random(DType::f16, {8})}, {}, 1)
    .example({random(DType::bf16, {2, 8}), random(DType::bf16, {8})}, {{"stash_type", int64_t{16}}},
             3);

CNNC_OP(RMSNormalization)
    .doc(
        "x / sqrt(mean of squares + epsilon) over the axes from `axis` on, times a scale that "
        "broadcasts; the result has "
        "the scale's type.")
    .onnx({23})
    .input("X", kFloatTypes)
    .input("scale", kFloatTypes, "V")
    .output("Y")
    .attribute("axis", int64_t{-1})
    .attribute("epsilon", kEpsilon)
    .attribute("stash_type", int64_t{1})
    .infer([](const OpContext& c) -> std::vector<Type> {
      first_axis(c);
      stash_dtype(c);
      return {{c.dtype(1), c.dims()}};
    })
    .decompose([](const Node& node, Graph& g) -> std::vector<Value*> {
      const OpContext c(node);
      Value* x = widened(g, node.input(0));
      Value* squares =
          reduced(g, "ReduceMean", g.make("Mul", {x, x}), axes_from(first_axis(c), c.rank()));
      Value* y = g.make("Mul", {x, inverse_deviation(g, squares, c.number("epsilon"))});
      y = g.make("Mul", {y, converted(g, node.input(1), y->dtype())});
      return {converted(g, y, c.dtype(1))};
    })
    .example({random(DType::f32, {2, 3, 8}), random(DType::f32, {8})})
    .example({random(DType::f64, {2, 3, 4}), random(DType::f64, {3, 4})}, {{"axis", int64_t{1}}})
    .example({random(DType::f16, {2, 8}), random(DType::f32, {8})}, {{"epsilon", 0.01}});

// ---- InstanceNormalization, GroupNormalization
// -----------------------------------------------------------------------

// Scale and bias have one element for each channel.
std::vector<Type> channel_norm_type(const OpContext& c) {
  c.require(c.rank() >= 3, "the input ", c.type(), " has ", c.rank(),
            " axes, need batch, channels and spatial axes");
  for (size_t i : {size_t{1}, size_t{2}}) {
    c.require(c.rank(i) == 1, i == 1 ? "scale " : "bias ", c.type(i), " has ", c.rank(i),
              " axes, need 1");
    require_equal(c, c.dims(i)[0], i == 1 ? "the size of scale" : "the size of bias", c.dims()[1],
                  "the number of channels");
  }
  return {c.type()};
}

std::vector<Value*> scaled_and_shifted(const Node& node, Graph& g, Value* y) {
  const int rank = y->rank();
  y = g.make("Mul", {y, per_channel(g, converted(g, node.input(1), y->dtype()), rank)});
  y = g.make("Add", {y, per_channel(g, converted(g, node.input(2), y->dtype()), rank)});
  return {converted(g, y, node.input(0)->dtype())};
}

Value* standardised(Graph& g, Value* x, const Ints& axes, double epsilon) {
  const Moments m = moments(g, x, axes);
  return g.make("Mul", {m.centred, inverse_deviation(g, m.variance, epsilon)});
}

CNNC_OP(InstanceNormalization)
    .doc(
        "(x - mean) / sqrt(variance + epsilon) over the spatial axes, times a scale plus a bias of "
        "each channel.")
    .onnx({1, 6, 22})
    .input("input", kFloatTypes)
    .input("scale", kFloatTypes)
    .input("B", kFloatTypes)
    .attribute("epsilon", kEpsilon)
    .infer(channel_norm_type)
    .decompose([](const Node& node, Graph& g) {
      Value* x = widened(g, node.input(0));
      return scaled_and_shifted(
          node, g, standardised(g, x, axes_from(2, x->rank()), node.float_attribute("epsilon")));
    })
    .example({random(DType::f32, {2, 3, 4, 5}), random(DType::f32, {3}), random(DType::f32, {3})})
    .example({random(DType::f64, {2, 3, 6}), random(DType::f64, {3}), random(DType::f64, {3})},
             {{"epsilon", 0.1}})
    .example({random(DType::f16, {1, 2, 3, 2, 2}), random(DType::f16, {2}),
              random(DType::f16, {2})});

int64_t group_count(const OpContext& c) {
  const int64_t groups = c.integer("num_groups");
  c.require(groups >= 1, "num_groups is ", groups, ", need a positive number");
  c.require(Dim::mod(c.dims()[1], groups) == 0, c.dims()[1], " channels do not divide into ",
            groups, " groups");
  return groups;
}

std::vector<Value*> group_norm_parts(const Node& node, Graph& g) {
  const OpContext c(node);
  Value* x = node.input(0);
  Value* groups =
      g.make("Reshape", {widened(g, x), g.constant(Tensor::ints({0, group_count(c), -1}))});
  Value* y = standardised(g, groups, {2}, c.number("epsilon"));
  return scaled_and_shifted(node, g, g.make("Reshape", {y, g.make("Shape", {x})}));
}

// Before opset 21 scale and bias had one element for each group.
void repeat_for_channels(OnnxNode& n) {
  const auto it = n.attributes.find("num_groups");
  const int64_t* groups = it == n.attributes.end() ? nullptr : std::get_if<int64_t>(&it->second);
  if (n.inputs.size() != 3 || !groups || *groups < 1 || !n.inputs[0] || n.inputs[0]->rank() < 2)
    return;
  const Dim& channels = n.inputs[0]->dim(1);
  if (!channels.is_const())
    throw Error(cat(n.op, ": the number of channels is the symbol ", channels, ", need a number"));
  for (size_t i : {size_t{1}, size_t{2}}) {
    Value* v = n.inputs[i];
    if (v == nullptr || v->rank() != 1 || !(v->dim(0) == *groups)) continue;
    v = n.graph.make("Unsqueeze", {v, n.graph.constant(Tensor::ints({1}))});
    v = n.graph.make("Expand",
                     {v, n.graph.constant(Tensor::ints({*groups, channels.value() / *groups}))});
    n.inputs[i] = n.graph.make("Reshape", {v, n.graph.constant(Tensor::ints({-1}))});
  }
}

CNNC_OP(GroupNormalization)
    .doc(
        "(x - mean) / sqrt(variance + epsilon) over groups of channels and all spatial axes, times "
        "a scale plus a bias of "
        "each channel.")
    .onnx({18, 21})
    .onnx_upgrade(20, repeat_for_channels)
    .input("X", kFloatTypes)
    .input("scale", kFloatTypes)
    .input("bias", kFloatTypes)
    .output("Y")
    .attribute("epsilon", kEpsilon)
    .required_attribute("num_groups", int64_t{1})
    .attribute("stash_type", int64_t{1})
    .infer([](const OpContext& c) {
      std::vector<Type> types = channel_norm_type(c);
      group_count(c);
      stash_dtype(c);
      return types;
    })
    .decompose(group_norm_parts)
    .example({random(DType::f32, {2, 4, 3, 2}), random(DType::f32, {4}), random(DType::f32, {4})},
             {{"num_groups", int64_t{2}}})
    .example({random(DType::f16, {1, 6, 5}), random(DType::f16, {6}), random(DType::f16, {6})},
             {{"num_groups", int64_t{3}}, {"epsilon", 0.1}});

// ---- MeanVarianceNormalization, LpNormalization
// ----------------------------------------------------------------------

CNNC_OP(MeanVarianceNormalization)
    .doc("(x - mean) / (deviation + 1e-9) over the given axes.")
    .onnx({9, 13})
    .input("X", kFloatTypes)
    .output("Y")
    .attribute("axes", Ints{0, 2, 3})
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.axes(c.integers("axes"), c.rank());
      return {c.type()};
    })
    .decompose([](const Node& node, Graph& g) -> std::vector<Value*> {
      const Moments m = moments(g, widened(g, node.input(0)), node.ints_attribute("axes"));
      Value* deviation = g.make("Sqrt", {m.variance});
      deviation = g.make("Add", {deviation, number_like(g, deviation, 1e-9)});
      return {converted(g, g.make("Div", {m.centred, deviation}), node.input(0)->dtype())};
    })
    .example({random(DType::f32, {2, 3, 4, 5})})
    .example({random(DType::f64, {2, 3})}, {{"axes", Ints{-1}}})
    .example({random(DType::f16, {2, 3, 2, 2})});

int lp_axis(const OpContext& c) {
  const int64_t p = c.integer("p");
  c.require(p == 1 || p == 2, "p is ", p, ", need 1 or 2");
  return c.axis(c.integer("axis"), c.rank());
}

CNNC_OP(LpNormalization)
    .doc("x divided by its p-norm (p is 1 or 2) along an axis; 0 where the norm is 0.")
    .onnx({1, 22})
    .input("input", kFloatTypes)
    .attribute("axis", int64_t{-1})
    .attribute("p", int64_t{2})
    .infer([](const OpContext& c) -> std::vector<Type> {
      lp_axis(c);
      return {c.type()};
    })
    .decompose([](const Node& node, Graph& g) -> std::vector<Value*> {
      const OpContext c(node);
      Value* x = widened(g, node.input(0));
      Value* norm = reduced(g, c.integer("p") == 1 ? "ReduceL1" : "ReduceL2", x, {lp_axis(c)});
      Value* zero = number_like(g, x, 0);
      Value* y = g.make("Where", {g.make("Equal", {norm, zero}), zero, g.make("Div", {x, norm})});
      return {converted(g, y, c.dtype())};
    })
    .example({random(DType::f32, {2, 3, 4})})
    .example({random(DType::f64, {2, 3, 4})}, {{"axis", int64_t{1}}, {"p", int64_t{1}}})
    .example({given(Tensor(DType::f32, {2, 2}))});

}  // namespace
}  // namespace cnnc

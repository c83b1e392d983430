// Pad.
#include <algorithm>

#include "ir/gradient.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/indexing.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

// Elements added (or, when negative, taken away) on both sides of an axis.
struct Margin {
  Dim before = 0, after = 0;
};

std::vector<Margin> margins(const OpContext& c) {
  const Dims pads = c.need_content(1);
  std::vector<int> axes;
  if (c.has(3)) {
    axes = c.axes(c.need_ints(3), c.rank());
  } else {
    for (int a = 0; a < c.rank(); ++a) axes.push_back(a);
  }
  c.require(pads.size() == 2 * axes.size(), "has ", pads.size(), " pads for ", axes.size(),
            " axes; need ", 2 * axes.size());
  std::vector<Margin> result(static_cast<size_t>(c.rank()));
  for (size_t i = 0; i < axes.size(); ++i)
    result[static_cast<size_t>(axes[i])] = {pads[i], pads[axes.size() + i]};
  return result;
}

std::vector<Type> pad_type(const OpContext& c) {
  static const Strings kModes = {"constant", "reflect", "edge", "wrap"};
  const std::string& mode = c.text("mode");
  c.require(std::find(kModes.begin(), kModes.end(), mode) != kModes.end(), "mode is ", quoted(mode),
            ", need constant, reflect, edge or wrap");
  if (c.has(2))
    c.require(product(c.dims(2)) == 1, "constant_value is ", c.type(2), ", need one element");
  Type result = c.type();
  const std::vector<Margin> added = margins(c);
  for (size_t a = 0; a < added.size(); ++a) {
    const Dim size = result.dims[a];
    result.dims[a] = size + added[a].before + added[a].after;
    c.require(mode == "constant" || !(size == 0) || result.dims[a] == 0, "cannot fill axis ", a,
              " of ", c.type(), " in mode ", mode, ": it has no elements");
  }
  return {result};
}

bool may_be_positive(const Dim& d) {
  const auto high = d.upper_bound();
  return !high || *high > 0;
}

Scalar constant_padded(const OpContext& c, const Scalars& source,
                       const std::vector<Margin>& added) {
  Scalar inside = Scalar::boolean(true);
  for (size_t a = 0; a < source.size(); ++a) {
    if (may_be_positive(added[a].before)) inside = inside && source[a] >= Scalar::i64(0);
    if (may_be_positive(added[a].after)) inside = inside && source[a] < Scalar::size(c.dims()[a]);
  }
  const Scalar filling = c.has(2) ? load_single(c, 2) : Scalar::constant(c.dtype(), 0);
  return select(inside, c.load(0, source), filling);
}

// The position that the modes other than constant put at i, which may lie outside of [0, size).
Scalar mirrored_position(const std::string& mode, const Scalar& i, const Scalar& size) {
  const Scalar one = Scalar::i64(1);
  if (mode == "edge") return max(Scalar::i64(0), min(i, size - one));
  if (mode == "wrap") return wrapped(i, size);
  // reflect runs forth and back without repeating the ends
  const Scalar period = (size - one) * Scalar::i64(2);
  const Scalar q = wrapped(i, period);
  return select(q < size, q, period - q);
}

// The positions 0, 1, ... of an axis, padded as the axis is.
Value* padded_positions(const GradientBuilder& g, int axis, const Margin& added) {
  Value* size = g.make("Squeeze", {size_operand(g.graph(), g.input(0), axis)});
  Value* places = g.make("Range", {g.graph().constant(Tensor::scalar(i64, 0)), size,
                                   g.graph().constant(Tensor::scalar(i64, 1))});
  Value* pads = g.ints({added.before.value(), added.after.value()});
  return g.make("Pad", {places, pads}, {{"mode", g.node().string_attribute("mode")}});
}

// Zeros like `dx`, but on `axis` as the operand was before it was padded.
Value* unpadded_like(const GradientBuilder& g, const Value* dx, int axis) {
  std::vector<Value*> sizes;
  for (int a = 0; a < dx->rank(); ++a) sizes.push_back(size_operand(g.graph(), a == axis ? g.input(0) : dx, a));
  return g.make("Expand", {number_like(g.graph(), dx, 0), g.make("Concat", sizes, {{"axis", int64_t{0}}})});
}

// What came from one position of an axis is summed there, for one axis after the other.
void mirrored_pad_gradient(GradientBuilder& g) {
  const std::vector<Margin> added = margins(g.context());
  Value* dx = g.out_grad();
  for (int axis = 0; axis < dx->rank(); ++axis) {
    const Margin& margin = added[static_cast<size_t>(axis)];
    if (margin.before == 0 && margin.after == 0) continue;
    if (!margin.before.is_const() || !margin.after.is_const())
      g.context().fail("pads of symbolic size have a gradient in mode constant only");
    dx = g.make("GatherGradient", {dx, unpadded_like(g, dx, axis), padded_positions(g, axis, margin)},
                {{"axis", int64_t{axis}}});
  }
  g.wrt(0, dx);
}

void pad_gradient(GradientBuilder& g) {
  if (g.node().string_attribute("mode") != "constant") return mirrored_pad_gradient(g);
  Value* removed = g.make("Neg", {g.input(1)});
  if (g.wants(0)) g.wrt(0, g.make("Pad", {g.out_grad(), removed, nullptr, g.input(3)}));
  if (!g.wants(2)) return;
  Value* zeros = g.make("Expand", {g.number(0), shape_operand(g.graph(), g.input(0))});
  Value* filled = g.make("Pad", {zeros, g.input(1), g.number(1), g.input(3)});
  Value* sum = g.make("ReduceSum", {g.mul(g.out_grad(), filled)}, {{"keepdims", int64_t{0}}});
  g.wrt(2, g.reshaped_like(sum, g.input(2)));
}

void legacy_pads(OnnxNode& node) {
  if (auto paddings = node.take("paddings")) node.attributes["pads"] = *paddings;
  node.attribute_to_input("pads", 1);
  attribute_to_scalar_input(node, "value", 2);
}

CNNC_OP(Pad)
    .doc(
        "Elements added at both ends of the given axes, or taken away where pads are negative: a "
        "constant, the operand "
        "mirrored at its ends (reflect), its end elements (edge), or the operand repeated (wrap).")
    .onnx({1, 2, 11, 13, 18, 19, 21, 23, 24, 25})
    .onnx_upgrade(10, legacy_pads)
    .input("data")
    .input("pads", {i64}, "")
    .optional_input("constant_value")
    .optional_input("axes", kIndexTypes, "Tind")
    .attribute("mode", "constant")
    .infer(pad_type)
    .indexed([](const OpContext& c, const Scalars& at) {
      const std::vector<Margin> added = margins(c);
      const std::string& mode = c.text("mode");
      Scalars source = at;
      for (size_t a = 0; a < at.size(); ++a) {
        source[a] = at[a] - Scalar::size(added[a].before);
        const bool outside = may_be_positive(added[a].before) || may_be_positive(added[a].after);
        if (mode != "constant" && outside)
          source[a] = mirrored_position(mode, source[a], Scalar::size(c.dims()[a]));
      }
      return mode == "constant" ? constant_padded(c, source, added) : c.load(0, source);
    })
    .gradient(pad_gradient)
    .example({random(f8e5m2, {2, 3}), given(Tensor::ints({0, 1, 2, 0})),
              given(Tensor::scalar(f8e5m2, 1.5))})
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({0, 1, 2, 0, 3, 1}))})
    .example({random(f32, {2, 4}), given(Tensor::ints({1, -1, 0, 2})),
              given(Tensor::scalar(f32, 1.5))})
    .example({random(i32, {2, 4}, 0, 9), given(Tensor::ints({2, 1})), absent(),
              given(Tensor::ints({-1}))})
    .example({random(f32, {3, 4}), given(Tensor::ints({2, 7, 1, 3}))}, {{"mode", "reflect"}})
    .example({random(f16, {3, 4}), given(Tensor::ints({2, 7, 1, -2}))}, {{"mode", "edge"}})
    .example({random(f64, {2, 3, 4}), given(Tensor::ints({2, 0, 1, 1, 0, -2}))}, {{"mode", "edge"}})
    .example({random(f64, {3, 4}), given(Tensor::ints({-1, 7, 1, 3}))}, {{"mode", "wrap"}})
    .example({random(f64, {2, 4}), given(Tensor::ints({1, -1, 0, 2})), random(f64, {})})
    .example({random(u8, {3, 4}, 0, 99), given(Tensor::ints({2, 7, 1, 3}))}, {{"mode", "wrap"}})
    .example({random(boolean, {1, 3}, 0, 2), given(Tensor::ints({2, 0, 0, 2}))},
             {{"mode", "reflect"}});

}  // namespace
}  // namespace cnnc

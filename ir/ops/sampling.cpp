#include "ir/ops/sampling.h"

#include "ir/ops/graph_parts.h"

namespace cnnc {

// [N, C, -1, 1], or [N, -1] for operands without channels.
static Value* flat_shape(GradientBuilder& g, const Value* image, bool with_channels) {
  std::vector<Value*> parts{size_operand(g.graph(), image, 0)};
  if (with_channels) parts.push_back(size_operand(g.graph(), image, 1));
  parts.push_back(g.ints(with_channels ? Ints{-1, 1} : Ints{-1}));
  return g.make("Concat", parts, {{"axis", int64_t{0}}});
}

Value* sampled_image_gradient(GradientBuilder& g, const Value* image, const Node& taps) {
  Value *positions = taps.output(0), *weights = taps.output(1);
  Ints tap_axes;
  for (int a = g.out_grad()->rank() - 1; a < positions->rank(); ++a) tap_axes.push_back(a + 1);
  Value* dy = g.make("Unsqueeze", {converted(g.graph(), g.out_grad(), weights->dtype()), g.ints(tap_axes)});
  Value* updates = g.mul(dy, g.make("Unsqueeze", {weights, g.ints({1})}));
  Value* zeros = g.make("Expand", {number_like(g.graph(), weights, 0), shape_operand(g.graph(), image)});
  const auto flat = [&](Value* x) { return g.make("Reshape", {x, flat_shape(g, image, true)}); };
  Value* all = g.make("Reshape", {positions, flat_shape(g, image, false)});
  Value* sums = g.make("ScatterRows", {flat(zeros), all, flat(updates)}, {{"reduction", std::string("add")}});
  return converted(g.graph(), g.reshaped_like(sums, image), image->dtype());
}

}  // namespace cnnc

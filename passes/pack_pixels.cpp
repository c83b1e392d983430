// Convolutions to few channels compute several neighbouring pixels at once, as channels of one wider pixel.
//
// [N, rows, W, O] is [N, rows, W / p, p O] in memory. Pixel i of p takes the weights i strides to the right, among zeros:
// kernels grow from k to k + (p - 1) stride columns for p times as many results, and vectors hold p O instead of O numbers.
#include <algorithm>

#include "ir/error.h"
#include "ir/op_def.h"
#include "ir/ops/convolution.h"
#include "passes/passes.h"
#include "passes/regions.h"

namespace cnnc {
namespace {

// A convolution of known geometry, which the pass may replace.
struct Narrow {
  Convolution conv;
  bool transposed = false;
  int64_t pixels = 1;  // that become one

  const WindowAxis& width() const { return conv.window.back(); }
  int64_t outputs() const { return conv.output_channels.value(); }
};

bool has_numbers(const Convolution& v) {
  const auto known = [](const WindowAxis& a) {
    return a.kernel.is_const() && a.pad_begin.is_const() && a.pad_end.is_const() && (a.input - a.output).is_const();
  };
  return v.output_channels.is_const() && v.channels.is_const() && std::all_of(v.window.begin(), v.window.end(), known);
}

// A transposed convolution of stride 1 as a convolution.
std::optional<Window> window_of_convolution(const Convolution& v) {
  Window window = v.window;
  for (WindowAxis& axis : window) {
    if (axis.stride != 1) return std::nullopt;
    std::swap(axis.input, axis.output);
    const Dim begin = axis.extent() - 1 - axis.pad_begin;
    axis.pad_end = axis.output + axis.extent() - 1 - axis.input - begin;
    axis.pad_begin = begin;
    if (begin.value() < 0 || axis.pad_end.value() < 0) return std::nullopt;
  }
  return window;
}

// Pixels that fill a vector, if they share enough taps.
int64_t pixels_of(const Narrow& n, int64_t lanes) {
  const WindowAxis& width = n.width();
  if (width.dilation != 1 || width.kernel.value() <= width.stride || !width.output.is_const()) return 1;
  int64_t pixels = std::clamp<int64_t>(lanes / n.outputs(), 1, width.output.value());
  while (width.output.value() % pixels != 0) --pixels;
  return pixels;
}

std::optional<Narrow> narrow_convolution(const Node& node, const Target& target) {
  const bool transposed = node.is("ConvTranspose");
  if (!transposed && !node.is("Conv")) return std::nullopt;
  if (node.int_attribute("channels_last") == 0 || node.int_attribute("group") != 1 || node.attribute("weight_shape")) return std::nullopt;
  if (node.output()->dtype() != DType::f32) return std::nullopt;
  const OpContext c(node);
  Narrow n{transposed ? conv_transpose_geometry(c) : conv_geometry(c), transposed};
  if (!has_numbers(n.conv) || n.outputs() == 0 || n.width().output == 0) return std::nullopt;
  if (transposed) {
    const std::optional<Window> window = window_of_convolution(n.conv);
    if (!window) return std::nullopt;
    n.conv.window = *window;
  }
  n.pixels = pixels_of(n, target.f32_lanes());
  return n.pixels > 1 ? std::optional(n) : std::nullopt;
}

Value* ints(Graph& g, const Ints& values) { return g.constant(Tensor::ints(values)); }

// [O, I, kernel...] of a transposed convolution's [I, O, kernel...]: backwards along every spatial axis.
Value* convolution_weights(Graph& g, const Narrow& n, Value* w) {
  if (!n.transposed) return w;
  const auto spatial = static_cast<size_t>(w->rank() - 2);
  Ints perm{1, 0}, axes;
  for (size_t i = 0; i < spatial; ++i) perm.push_back(static_cast<int64_t>(i) + 2), axes.push_back(static_cast<int64_t>(i) + 2);
  const Ints back(spatial, -1);
  w = g.make("Transpose", {w}, {{"perm", perm}});
  return g.make("Slice", {w, ints(g, back), ints(g, Ints(spatial, INT64_MIN)), ints(g, axes), ints(g, back)});
}

// The weights of every pixel, in its place among the columns of all.
Value* packed_weights(Graph& g, const Narrow& n, Value* w) {
  const auto last = static_cast<size_t>(w->rank() - 1), rank = last + 1;
  std::vector<Value*> pixels;
  for (int64_t i = 0; i < n.pixels; ++i) {
    Ints pads(2 * rank);
    pads[last] = i * n.width().stride;
    pads[rank + last] = (n.pixels - 1 - i) * n.width().stride;
    pixels.push_back(g.make("Pad", {w, ints(g, pads)}));
  }
  return g.make("Concat", pixels, {{"axis", int64_t{0}}});
}

Attributes packed_attributes(const Narrow& n) {
  Ints strides, dilations, pads;
  for (const WindowAxis& axis : n.conv.window) {
    strides.push_back(axis.stride);
    dilations.push_back(axis.dilation);
    pads.push_back(axis.pad_begin.value());
  }
  for (const WindowAxis& axis : n.conv.window) pads.push_back(axis.pad_end.value());
  strides.back() *= n.pixels;
  return {{"strides", strides}, {"dilations", dilations}, {"pads", pads}, {"channels_last", int64_t{1}}};
}

// `value` with its last two sizes given anew.
Value* with_last_sizes(Graph& g, Value* value, int64_t width, int64_t channels) {
  Ints sizes(static_cast<size_t>(value->rank()));  // 0: as it is
  sizes[sizes.size() - 2] = width;
  sizes.back() = channels;
  return g.make("Reshape", {value, ints(g, sizes)});
}

Value* wider(Graph& g, const Narrow& n, Value* value) {
  return with_last_sizes(g, value, n.width().output.value() / n.pixels, n.pixels * n.outputs());
}

// Whether an element-wise operator on the result works as well on the wider pixels.
bool takes_wider(const Node& user, const Value& result) {
  if (!user.op().is_elementwise() || user.output_count() != 1 || user.output()->type().dims != result.type().dims) return false;
  return std::all_of(user.inputs().begin(), user.inputs().end(), [&](const Value* v) {
    return v == nullptr || v->type().dims == result.type().dims || v->type().element_count() == 1;
  });
}

// The operators that alone use the result, one after the other, go along so that they still join the convolution.
Value* with_followers(Graph& g, const Narrow& n, Value* packed, Node*& last) {
  for (;;) {
    const Value& result = *last->output();
    if (result.is_graph_output() || result.users().size() != 1) return packed;
    Node& user = *result.users().begin()->first;
    if (&user.graph() != &g || !takes_wider(user, result)) return packed;
    const InsertBefore here(user);
    std::vector<Value*> operands = user.inputs();
    for (Value*& v : operands) {
      if (v == &result) v = packed;
      else if (v != nullptr && v->type().dims == result.type().dims) v = wider(g, n, v);
    }
    packed = g.clone_node(user, operands)->output();
    last = &user;
  }
}

void pack(Graph& g, Node& node, const Narrow& n) {
  Node* last = &node;
  Value* packed = nullptr;
  {
    const InsertBefore here(node);
    Value* bias = node.input(2) ? g.make("Concat", std::vector<Value*>(static_cast<size_t>(n.pixels), node.input(2)), {{"axis", int64_t{0}}})
                                : nullptr;
    Value* weights = packed_weights(g, n, convolution_weights(g, n, node.input(1)));
    std::vector<Value*> operands{node.input(0), weights};
    if (bias) operands.push_back(bias);
    packed = g.make("Conv", operands, packed_attributes(n));
  }
  packed = with_followers(g, n, packed, last);
  const InsertBefore here(*last);
  Value* result = with_last_sizes(g, packed, n.width().output.value(), n.outputs());
  result->set_name(last->output()->name());
  g.replace_uses(last->output(), result);
  erase_if_dead(last);
}

bool run(Graph& graph, const Target& target) {
  std::vector<std::pair<Node*, Narrow>> found;
  bool changed = false;
  for (const auto& node : graph.nodes()) {
    for_each_region(*node, [&](Graph& region) { changed |= run(region, target); });
    if (const auto narrow = narrow_convolution(*node, target)) found.emplace_back(node.get(), *narrow);
  }
  for (const auto& [node, narrow] : found) pack(graph, *node, narrow);
  return changed || !found.empty();
}

}  // namespace

Pass pack_pixels() {
  return {"pack-pixels", "Convolutions to few channels compute neighbouring pixels as channels of one.", run, nullptr};
}

}  // namespace cnnc

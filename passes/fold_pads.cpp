// Padding with a constant becomes padding of the convolution or pool behind it.
#include <cmath>

#include "ir/op_def.h"
#include "ir/ops/window.h"
#include "passes/constants.h"
#include "passes/passes.h"

namespace cnnc {

namespace {

// [begins..., ends...] that a Pad adds to the spatial axes of an image; nothing when it does anything else.
std::optional<Ints> spatial_pads(const Node& pad, const ChannelLayout& layout) {
  const auto amounts = pad.input(1)->known_ints();
  std::optional<Ints> axes;
  if (pad.input(3)) axes = pad.input(3)->known_ints();
  if (!amounts || (pad.input(3) && !axes) || pad.string_attribute("mode") != "constant") return std::nullopt;
  Ints before(static_cast<size_t>(layout.rank)), after(before);
  const size_t count = amounts->size() / 2;
  for (size_t i = 0; i < count; ++i) {
    int64_t axis = axes ? (*axes)[i] : static_cast<int64_t>(i);
    if (axis < 0) axis += layout.rank;
    before[static_cast<size_t>(axis)] = (*amounts)[i];
    after[static_cast<size_t>(axis)] = (*amounts)[count + i];
  }
  Ints pads;
  for (const Ints* side : {&before, &after}) {
    if ((*side)[0] != 0 || (*side)[static_cast<size_t>(layout.channel())] != 0) return std::nullopt;
    for (int i = 0; i < layout.spatial_rank(); ++i) {
      pads.push_back((*side)[static_cast<size_t>(layout.spatial(i))]);
      if (pads.back() < 0) return std::nullopt;
    }
  }
  return pads;
}

double filling(const Node& pad) {
  if (pad.input(2) == nullptr) return 0;
  return splat(pad.input(2)).value_or(NAN);
}

// Padding of the window that both make together; nothing when that is not the same.
std::optional<Ints> joint_pads(const Node& window, const Node& pad) {
  const OpContext c(window);
  const std::string& auto_pad = c.text("auto_pad");
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") return std::nullopt;
  const ChannelLayout layout = channel_layout(c);
  std::optional<Ints> pads = spatial_pads(pad, layout);
  if (!pads || auto_pad == "VALID") return pads;
  const Ints own = pads_of(c, static_cast<size_t>(layout.spatial_rank()));
  for (size_t i = 0; i < own.size(); ++i) (*pads)[i] += own[i];
  return pads;
}

bool has_own_padding(const Node& window) {
  if (window.string_attribute("auto_pad") == "VALID") return false;
  for (int64_t p : window.ints_attribute("pads"))
    if (p != 0) return true;
  return false;
}

bool floors(const Node& pool) { return pool.int_attribute("ceil_mode") == 0; }

// Every window sees an element of the image, so that zeros beside elements that are never negative do not count.
bool windows_reach_image(const Node& pool, const Ints& pads) {
  const Ints kernel = pool.ints_attribute("kernel_shape"), dilations = pool.ints_attribute("dilations");
  for (int64_t d : dilations)
    if (d != 1) return false;
  for (size_t i = 0; i < pads.size(); ++i)
    if (pads[i] >= kernel[i % kernel.size()]) return false;
  return true;
}

bool is_never_negative(const Value& v) {
  const Node* n = v.producer();
  if (n == nullptr) return false;
  if (n->is("Clip")) return n->input(1) && splat(n->input(1)).value_or(-1) >= 0;
  return n->is("Relu") || n->is("Sigmoid") || n->is("HardSigmoid") || n->is("Exp") || n->is("Abs");
}

bool conv_takes(const Match& m) { return filling(m.node("pad")) == 0 && joint_pads(m.root(), m.node("pad")); }

bool max_pool_takes(const Match& m) {
  const Node& pad = m.node("pad");
  const auto pads = joint_pads(m.root(), pad);
  if (!pads || !floors(m.root()) || m.root().output_count() != 1) return false;
  if (filling(pad) == -INFINITY) return true;
  return filling(pad) == 0 && is_never_negative(*pad.input(0)) && windows_reach_image(m.root(), *pads);
}

bool average_pool_takes(const Match& m) {
  const bool counts_padding = m.root().int_attribute("count_include_pad") != 0 || !has_own_padding(m.root());
  return filling(m.node("pad")) == 0 && floors(m.root()) && counts_padding && joint_pads(m.root(), m.node("pad"));
}

Rewrite fold(const std::string& name, std::vector<Pattern> more, bool (*takes)(const Match&)) {
  std::vector<Pattern> operands{op("Pad").bind("pad").used_once()};
  operands.insert(operands.end(), more.begin(), more.end());
  return {cat("fold-pad-into-", name), cat(name, "(Pad(x)) -> ", name, "(x)"),
          op(name, operands).where(takes, "the padding is not the same as its own would be"),
          [](const Match& m, Graph& g) {
            Node& root = m.root();
            std::vector<Value*> inputs = root.inputs();
            inputs[0] = m.node("pad").input(0);
            Attributes attributes = root.attributes();
            attributes["pads"] = *joint_pads(root, m.node("pad"));
            attributes.erase("auto_pad");
            if (root.is("AveragePool")) attributes["count_include_pad"] = int64_t{1};
            return g.make(root.op_name(), std::move(inputs), std::move(attributes));
          }};
}

std::vector<Rewrite> rewrites(const Target&) {
  return {fold("Conv", {any("weights"), optional("bias")}, conv_takes), fold("MaxPool", {}, max_pool_takes),
          fold("AveragePool", {}, average_pool_takes)};
}

}  // namespace

Pass fold_pads() {
  return {"fold-pads", "Padding with a constant becomes padding of the convolution or pool behind it.", nullptr, rewrites};
}

}  // namespace cnnc

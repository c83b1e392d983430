// Convolutions and pools over [N, spatial..., C] activations: the layout that every kernel works
// in. See docs/decisions/0002-channels-last.md.
#include "ir/op_def.h"
#include "passes/passes.h"
#include "passes/permutation.h"

namespace cnnc {
namespace {

bool is_channels_first(const Node& node) { return node.int_attribute("channels_last") == 0; }

bool has_layouts(const Node& node) {
  const Value& x = *node.input(0);
  return is_float(x.dtype()) && x.rank() >= 3 && x.rank() <= 5;
}

bool gives_one_result(const Node& node) {
  return node.output_count() == 1 || node.output(1)->use_count() == 0;
}

// The node over its first `images` operands in the other layout.
Value* over_channels_last(const Node& node, Graph& g, size_t images) {
  const Permutation perm = to_channels_last(node.input(0)->rank());
  std::vector<Value*> operands = node.inputs();
  for (size_t i = 0; i < images; ++i) operands[i] = transposed(g, operands[i], perm);
  Attributes attributes = node.attributes();
  attributes["channels_last"] = int64_t{1};
  return g.add(node.op_name(), operands, attributes, 1)->output();
}

// Operators whose other operands are images too.
size_t image_count(const Node& node) {
  if (node.is("MaxPoolGradient")) return 3;
  return node.is("AveragePoolGradient") || node.is("ConvWeightGradient") ? 2 : 1;
}

Replacement on_channels_last(const Match& m, Graph& g) {
  const Node& node = m.root();
  const Permutation perm = to_channels_last(node.input(0)->rank());
  return g.make("Transpose", {over_channels_last(node, g, image_count(node))}, {{"perm", inverse(perm)}});
}

// The weights come out as [kernel..., I / group, O].
Replacement weight_gradient_on_channels_last(const Match& m, Graph& g) {
  const Node& node = m.root();
  const int64_t n = node.input(0)->rank() - 2;
  Ints perm{n + 1, n};
  for (int64_t i = 0; i < n; ++i) perm.push_back(i);
  return g.make("Transpose", {over_channels_last(node, g, image_count(node))}, {{"perm", perm}});
}

Rewrite rewrite_for(const std::string& name, const std::string& op_name,
                    Replacement (*replacement)(const Match&, Graph&) = on_channels_last) {
  return {"channels-last-" + name,
          op_name + "(x) -> Transpose(" + op_name + "(Transpose(x)) {channels_last = 1})",
          op(op_name)
              .where(is_channels_first, "it is channels-last")
              .where(has_layouts, "the input is no floating point image of 1 to 3 spatial axes")
              .where(gives_one_result, "its indices are used, and they count channels first"),
          replacement};
}

}  // namespace

Pass channels_last() {
  const std::vector<Rewrite> rewrites = {
      rewrite_for("conv", "Conv"), rewrite_for("conv-transpose", "ConvTranspose"),
      rewrite_for("max-pool", "MaxPool"), rewrite_for("average-pool", "AveragePool"),
      rewrite_for("lp-pool", "LpPool"),
      rewrite_for("max-pool-taps", "MaxPoolTaps"), rewrite_for("max-pool-gradient", "MaxPoolGradient"),
      rewrite_for("average-pool-gradient", "AveragePoolGradient"),
      rewrite_for("conv-weight-gradient", "ConvWeightGradient", weight_gradient_on_channels_last)};
  return {"channels-last",
          "Brings convolutions and pools to [N, spatial..., C], between Transposes.", nullptr,
          [rewrites](const Target&) { return rewrites; }};
}

}  // namespace cnnc

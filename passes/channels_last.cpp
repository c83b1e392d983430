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

Replacement on_channels_last(const Match& m, Graph& g) {
  const Node& node = m.root();
  const Permutation perm = to_channels_last(node.input(0)->rank());
  std::vector<Value*> operands = node.inputs();
  operands[0] = transposed(g, operands[0], perm);
  Attributes attributes = node.attributes();
  attributes["channels_last"] = int64_t{1};
  Value* result = g.add(node.op_name(), operands, attributes, 1)->output();
  return g.make("Transpose", {result}, {{"perm", inverse(perm)}});
}

Rewrite rewrite_for(const std::string& name, const std::string& op_name) {
  return {"channels-last-" + name,
          op_name + "(x) -> Transpose(" + op_name + "(Transpose(x)) {channels_last = 1})",
          op(op_name)
              .where(is_channels_first, "it is channels-last")
              .where(has_layouts, "the input is no floating point image of 1 to 3 spatial axes")
              .where(gives_one_result, "its indices are used, and they count channels first"),
          on_channels_last};
}

}  // namespace

Pass channels_last() {
  const std::vector<Rewrite> rewrites = {
      rewrite_for("conv", "Conv"), rewrite_for("conv-transpose", "ConvTranspose"),
      rewrite_for("max-pool", "MaxPool"), rewrite_for("average-pool", "AveragePool"),
      rewrite_for("lp-pool", "LpPool")};
  return {"channels-last",
          "Brings convolutions and pools to [N, spatial..., C], between Transposes.", nullptr,
          [rewrites](const Target&) { return rewrites; }};
}

}  // namespace cnnc

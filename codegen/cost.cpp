#include "codegen/cost.h"

#include "ir/contraction_view.h"
#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "ir/ops/convolution.h"

namespace cnnc::codegen {

// Multiplications of a contraction. The declaration of a transposed convolution tries all taps at every output, of which
// the input elements times the taps are due.
static Dim products_of(const Node& root) {
  const Computation c = root.op().computation(root);
  if (!root.is("ConvTranspose")) return product(c.space) * product(c.reduce);
  const Convolution conv = conv_transpose_geometry(OpContext(root));
  return conv.batch * conv.output_channels * product(output_sizes(conv.window)) * product(c.reduce);
}

Dim flops_of(const Node& node, int output) {
  if (node.is("ConvWeightGradient")) return products_of(node) * 2;
  if (const auto view = contraction_view(node); view && output == 0) return products_of(*view->root) * 2;
  const Type& type = node.output(static_cast<size_t>(output))->type();
  if (const auto nest = loop_nest(node, output); nest && !nest->stages.empty()) {
    return product(nest->loops) * static_cast<int64_t>(nest->stages.size());
  }
  return type.element_count();
}

Dim flops_of(const Node& node) {
  Dim flops = 0;
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i)->use_count() > 0) flops = flops + flops_of(node, static_cast<int>(i));
  return flops;
}

Dim bytes_of(const Node& node) {
  Dim bytes = 0;
  for (const Value* operand : node.inputs())
    if (operand != nullptr) bytes = bytes + operand->type().bytes();
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i)->use_count() > 0) bytes = bytes + node.output(i)->type().bytes();
  return bytes;
}

}  // namespace cnnc::codegen

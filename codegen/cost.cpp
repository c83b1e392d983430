#include "codegen/cost.h"

#include <algorithm>

#include "ir/contraction_view.h"
#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "ir/ops/convolution.h"
#include "ir/scalar_math.h"

namespace cnnc::codegen {

// Multiplications of a contraction. The declaration of a transposed convolution tries all taps at every output, of which
// the input elements times the taps are due.
static Dim products_of(const Node& root) {
  const Computation c = root.op().computation(root);
  if (!root.is("ConvTranspose")) return product(c.space) * product(c.reduce);
  const Convolution conv = conv_transpose_geometry(OpContext(root));
  return conv.batch * conv.output_channels * product(output_sizes(conv.window)) * product(c.reduce);
}

// Operations of an element, at least one; those on places are not among them.
static int64_t operations_of(const Scalar& element) {
  int64_t count = 0;
  visit(expand_math(element), [&](const Scalar& e) {
    count += e.op() != ScalarOp::load && !e->args.empty() && e.dtype() != DType::i64;
  });
  return std::max<int64_t>(count, 1);
}

Dim flops_of(const Node& node, int output) {
  if (node.is("ConvWeightGradient")) return products_of(node) * 2;
  // Each element is compared, those that come first several times.
  if (node.is("SortedPlaces")) return node.input(0)->type().element_count() + node.output()->type().element_count() * 32;
  const Dim elements = node.output(static_cast<size_t>(output))->type().element_count();
  if (const auto view = contraction_view(node))
    return output == 0 ? products_of(*view->root) * 2 : elements * operations_of(view->results[static_cast<size_t>(output)]);
  const auto nest = loop_nest(node, output);
  if (!nest) return elements;
  if (!nest->stages.empty()) return product(nest->loops) * static_cast<int64_t>(nest->stages.size());
  const size_t result = nest->results.size() > 1 ? static_cast<size_t>(output) : 0;
  return elements * operations_of(nest->results[result].value);
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

#include "codegen/use_winograd.h"

#include "codegen/packing.h"
#include "ir/control_flow.h"
#include "ir/op_def.h"
#include "ir/ops/winograd.h"
#include "passes/regions.h"

namespace cnnc::codegen {

namespace {

constexpr int64_t kPoints = kWinogradPoints * kWinogradPoints;

// The map of a square of numbers, written as one vector, as a matrix [from, to] or its transpose. The numbers may run
// backwards.
Tensor square_map(const LinearMap& map, DType dtype, bool backwards, bool transposed) {
  const int from = map.columns * map.columns, to = map.rows * map.rows;
  Tensor matrix(dtype, transposed ? Shape{to, from} : Shape{from, to});
  for (int f = 0; f < from; ++f)
    for (int t = 0; t < to; ++t) {
      const int place = backwards ? from - 1 - f : f;
      const double c = map(t / map.rows, place / map.columns) * map(t % map.rows, place % map.columns);
      matrix.set_double(transposed ? int64_t{t} * from + f : int64_t{f} * to + t, c);
    }
  return matrix;
}

Value* reshaped(Graph& graph, Value* value, const Ints& sizes) {
  return graph.make("Reshape", {value, graph.constant(Tensor::ints(sizes))});
}

// 3 x 3 filters, in the last axes, at the points. Those of a transposed convolution run backwards.
Value* filters_at_points(Graph& graph, Value* weights, bool backwards) {
  Shape sizes = weights->type().shape();
  Value* filters = reshaped(graph, weights, {sizes[0] * sizes[1], 9});
  Value* map = graph.constant(square_map(kWeightsToPoints, weights->dtype(), backwards, false));
  sizes[2] = sizes[3] = kWinogradPoints;
  return reshaped(graph, graph.make("MatMul", {filters, map}), sizes);
}

bool use_for(Graph& graph, Node& node, const TargetSpec& target) {
  const auto view = contraction_view(node);
  if (!view || view->root->attribute("weight_shape") || winograd_refusal(*view, target)) return false;
  Value* weights = weight_operand(node, *view);
  if (weights == nullptr) return false;
  const InsertBefore here(node);
  Value* filters = filters_at_points(graph, weights, view->root->is("ConvTranspose"));
  // The root is this node or one of its body; both are ours to change.
  auto* root = const_cast<Node*>(view->root);
  const auto operand = static_cast<size_t>(view->operands[1].operand);
  root->set_attribute("weight_shape", weights->type().shape());
  root->set_attribute("winograd", int64_t{1});
  node.set_input(operand, filters);
  if (root != &node) root->graph().inputs()[operand]->set_type(filters->type());
  root->infer();
  return true;
}

void compute_at_points(Graph& graph, Node& gradient) {
  const InsertBefore here(gradient);
  Ints pads = gradient.ints_attribute("pads");
  pads.resize(4);
  Value* at_points = graph.make("WinogradWeightGradient", {gradient.input(0), gradient.input(1)}, {{"pads", pads}});
  const Shape sizes = gradient.output()->type().shape();
  Value* flat = reshaped(graph, at_points, {kPoints, sizes[2] * sizes[3]});
  Value* map = graph.constant(square_map(kPointsToWeights, gradient.output()->dtype(), false, true));
  Value* weights = reshaped(graph, graph.make("MatMul", {map, flat}), sizes);
  graph.replace_uses(gradient.output(), weights);
  graph.erase(&gradient);
}

bool run(Graph& graph, const TargetSpec& target) {
  bool changed = false;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node& node = **it++;
    if (is_control_flow(node)) {
      for_each_region(node, [&](Graph& region) { changed = run(region, target) || changed; });
    } else if (node.is("ConvWeightGradient")) {
      if (winograd_gradient_refusal(node, target)) continue;
      compute_at_points(graph, node);
      changed = true;
    } else {
      changed = use_for(graph, node, target) || changed;
    }
  }
  return changed;
}

}  // namespace

Pass use_winograd(const TargetSpec& target) {
  return {"use-winograd",
          "3 x 3 convolutions of stride 1 and gradients of their weights take fewer products by Winograd's filtering.",
          [target](Graph& graph, const Target&) { return run(graph, target); }, nullptr, false};
}

}  // namespace cnnc::codegen

#include "codegen/winograd_gradients.h"

#include "ir/control_flow.h"
#include "ir/op_def.h"
#include "ir/ops/winograd.h"
#include "passes/regions.h"

namespace cnnc::codegen {

namespace {

constexpr int64_t kPoints = kWinogradPoints * kWinogradPoints;

// The map of a square of numbers, written as one vector, as a matrix [to, from].
Tensor square_map(const LinearMap& map, DType dtype) {
  const int from = map.columns * map.columns, to = map.rows * map.rows;
  Tensor matrix(dtype, {to, from});
  for (int t = 0; t < to; ++t)
    for (int f = 0; f < from; ++f)
      matrix.set_double(int64_t{t} * from + f, map(t / map.rows, f / map.columns) * map(t % map.rows, f % map.columns));
  return matrix;
}

Value* reshaped(Graph& graph, Value* value, const Ints& sizes) {
  return graph.make("Reshape", {value, graph.constant(Tensor::ints(sizes))});
}

void compute_at_points(Graph& graph, Node& gradient) {
  const InsertBefore here(gradient);
  Ints pads = gradient.ints_attribute("pads");
  pads.resize(4);
  Value* at_points = graph.make("WinogradWeightGradient", {gradient.input(0), gradient.input(1)}, {{"pads", pads}});
  const Shape sizes = gradient.output()->type().shape();
  Value* flat = reshaped(graph, at_points, {kPoints, sizes[2] * sizes[3]});
  Value* map = graph.constant(square_map(kPointsToWeights, gradient.output()->dtype()));
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
    } else if (!winograd_gradient_refusal(node, target)) {
      compute_at_points(graph, node);
      changed = true;
    }
  }
  return changed;
}

}  // namespace

Pass winograd_gradients(const TargetSpec& target) {
  return {"winograd-gradients",
          "Gradients of the weights of 3 x 3 convolutions are computed at the points of Winograd's filtering where that is faster.",
          [target](Graph& graph, const Target&) { return run(graph, target); }, nullptr, false};
}

}  // namespace cnnc::codegen

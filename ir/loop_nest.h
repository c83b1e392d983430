// The loops that compute a node's output, or several of equal sizes: what code generation compiles and what fusion may build.
//
// A node, or the body of a Fused node, is brought to one nest by substituting producers into consumers:
//
//   for each point of the loops outside `inner`:
//     for each stage k:  accumulate over the `inner` loops;  param(kStage + k) = stages[k].value
//     output r[index(0), ..., index(rank - 1)] = results[r]  (for each point of `inner` too when `rows`)
//
// Softmax is a nest of two stages with `rows`; a mean is one stage without; an element-wise chain has no stage. Several
// results share loops, stages and subexpressions; each element of all of them is computed before any is stored.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/scalar.h"

namespace cnnc {

// Results of stages are param(kStage + k) in later stages and in the result.
inline constexpr int kStage = 1000;

struct LoopNest {
  // One reduction over the inner loops. `elements` see all loops and earlier stages' results; `combine` sees param(0..n-1)
  // = accumulators and param(n..2n-1) = elements; `value` sees the outer loops and param(k) = accumulator k.
  struct Stage {
    Scalars init, elements, combine;
    Scalar value;
  };

  struct Result {
    Type type;
    Scalar value;
  };

  Dims loops;              // the results' axes first, then loops that only reductions have
  std::vector<int> inner;  // the loops that reductions run, ascending
  std::vector<Stage> stages;
  std::vector<Result> results;  // at least one, all of the same sizes
  bool rows = false;  // the results are computed at every point of the inner loops as well

  bool is_inner(int loop) const;
  // The results' sizes.
  const Dims& space() const { return results[0].type.dims; }
};

// The nest of output `output` of `node` (its declaration or its decomposition), or of all outputs when it has a fused body.
// Loads refer to the node's operands. When there is none, returns nullopt and says why in `why_not` (one sentence, may be null).
std::optional<LoopNest> loop_nest(const Node& node, int output = 0, std::string* why_not = nullptr);
// The same for the outputs of a graph; loads refer to the graph's inputs.
std::optional<LoopNest> loop_nest(const Graph& body, std::string* why_not = nullptr);

// The graph that a node with a decomposition stands for: inputs are the node's operands (absent ones left out of the
// uses), outputs the node's outputs.
std::unique_ptr<Graph> decomposed_body(const Node& node);

}  // namespace cnnc

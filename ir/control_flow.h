// Nodes with regions that run: If, Scan and Loop.
//
// Their regions are closed: what a region uses of the enclosing graph is an operand of the node, a
// capture, and an input of the region. So a use of a value is an operand wherever it is, and passes
// that look at operands only are right. Constants are not captured but stand in the region.
//
//   If(cond, captures...)                        then_branch(captures...), else_branch(captures...)
//   Scan(states..., slices..., captures...)      body(states..., slices..., captures...)
//                                                  -> states..., one element of each stacked result
//   Loop(trips, cond, states..., captures...)    body(iteration, cond, states..., captures...)
//                                                  -> cond, states..., one element of each result
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

bool is_control_flow(const Node& node);

// How many operands of each kind a Scan or Loop has. Loop has no slices; its trip count and
// condition are not counted.
struct CarriedParts {
  size_t first = 0;  // the operand that is the first state
  size_t states = 0, slices = 0, captures = 0;

  size_t first_slice() const { return first + states; }
  size_t first_capture() const { return first_slice() + slices; }
};
CarriedParts carried_parts(const Node& node);

// Whether slice or stacked result `i` of a Scan runs from the end of its first axis.
bool runs_backwards(const Node& scan, const char* directions, size_t i);

// The trip count of a Loop that no data decides: a known number or size, and a condition that holds
// throughout.
std::optional<Dim> fixed_trip_count(const Node& loop);

// The results of the Scan that does what a Loop with a fixed trip count does, made at the insertion
// point of `g`.
std::vector<Value*> scan_of_loop(const Node& loop, Graph& g);

// Puts the nodes of `body` at the insertion point of `into`, over these inputs (null where nothing
// uses one), and returns what became of its outputs.
std::vector<Value*> inline_graph(Graph& into, const Graph& body, const std::vector<Value*>& inputs);

// The values of enclosing graphs that these regions use become inputs behind the ones that they
// have, alike in all of them. Constants are copied into the regions instead, with their names.
// Returns the values.
std::vector<Value*> close_regions(const std::vector<Graph*>& regions);

// The reference. `run` interprets a region over inputs.
using RunRegion = std::function<std::vector<Tensor>(const Graph&, const std::vector<Tensor>&)>;
std::vector<Tensor> interpret_control_flow(const Node& node,
                                           const std::vector<const Tensor*>& operands,
                                           const RunRegion& run);

}  // namespace cnnc

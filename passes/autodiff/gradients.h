// Reverse-mode differentiation: the gradient of a graph is more nodes of the same graph.
#pragma once
#include <vector>

#include "ir/graph.h"

namespace cnnc {

// Adds nodes that compute d loss / d w for every w in `wrt`, at the end of the graph, and returns
// them; null for a value that the loss does not depend on. `loss` has one element.
//
// Operators without a gradient of their own that lie between `wrt` and `loss` and have a
// decomposition are replaced by it, so that forward and backward pass share its intermediate values.
// Integers and bools carry no gradient. Throws Error naming the node when there is no derivative.
std::vector<Value*> gradients(Graph& graph, Value* loss, const std::vector<Value*>& wrt);

// The same for several outputs, each with the gradient of the loss that arrives at it (of its type).
std::vector<Value*> gradients(Graph& graph, const std::vector<Value*>& outputs,
                              const std::vector<Value*>& output_gradients,
                              const std::vector<Value*>& wrt);

}  // namespace cnnc

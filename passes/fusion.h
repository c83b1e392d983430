// Fused nodes: what fusing passes share.
#pragma once
#include <memory>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

// A body made of nodes of one graph, and the operands that it takes from outside.
struct FusionCandidate {
  std::unique_ptr<Graph> body;
  std::vector<Value*> operands;  // as many as the body has inputs
};

// The body that computes `result` from `nodes`, which are in execution order. Bodies of Fused nodes among them are taken over,
// operators that have only a decomposition are decomposed, constants of one element are copied into the body.
FusionCandidate fuse_body(const std::vector<Node*>& nodes, Value* result);

// Puts a Fused node in the place of `result`'s producer, which is the last of `nodes`; erases those that nothing uses any more.
Node* replace_by_fused(Graph& graph, FusionCandidate candidate, const std::vector<Node*>& nodes, Value* result);

// Whether `node` may become part of a Fused node at all.
bool can_be_fused(const Node& node);

}  // namespace cnnc

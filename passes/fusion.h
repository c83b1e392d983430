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

// The body that computes `results` from `nodes`, which are in execution order. Bodies of Fused nodes among them are taken over,
// operators that have only a decomposition are decomposed, constants of one element are copied into the body.
FusionCandidate fuse_body(const std::vector<Node*>& nodes, const std::vector<Value*>& results);

// Puts a Fused node before `place`, where all operands are defined, for the `results` of `nodes`; erases those of `nodes` that
// nothing uses any more.
Node* replace_by_fused(Graph& graph, FusionCandidate candidate, const std::vector<Node*>& nodes,
                       const std::vector<Value*>& results, const Node& place);

// Whether `node` may become part of a Fused node at all.
bool can_be_fused(const Node& node);

}  // namespace cnnc

// How much a node computes and moves, for profiles, explanations and the choice of how many threads share a step.
#pragma once
#include "ir/graph.h"

namespace cnnc::codegen {

// Two for each multiply-add of a contraction; one for each point and stage of a reduction; for other nodes the operations of an
// element, of polynomials too.
Dim flops_of(const Node& node, int output);
// Of all outputs that are used.
Dim flops_of(const Node& node);
// When every operand is read once and every result written once.
Dim bytes_of(const Node& node);

}  // namespace cnnc::codegen

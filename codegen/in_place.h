// Which operand's memory a step may write its result to.
#pragma once
#include <vector>

#include "ir/graph.h"

namespace cnnc::codegen {

// The value whose memory `value` is seen through views. The final state of a loop lies where the initial one did.
const Value* root_of(const Value* value);
// Whether one step computes all outputs of the node.
bool computes_together(const Node& node);
// Operands whose element is read only where the element of output `output` is written, and that are as large: the output may
// take their place once nobody else needs them, and no other output of the step does.
std::vector<int> in_place_operands(const Node& node, const std::string& kernel, int output);

}  // namespace cnnc::codegen

// Which operand's memory a step may write its result to.
#pragma once
#include <vector>

#include "ir/graph.h"

namespace cnnc::codegen {

// Operands whose element is read only where the result's element is written, and that are as large: the result may take
// their place once nobody else needs them.
std::vector<int> in_place_operands(const Node& node, const std::string& kernel);

}  // namespace cnnc::codegen

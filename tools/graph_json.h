#pragma once
#include <string>

#include "ir/graph.h"

namespace cnnc::tools {

// The graph as a JSON object with "schema": 1: inputs, outputs, nodes with operands, types, attributes and origins.
std::string graph_json(const Graph& graph);

}  // namespace cnnc::tools

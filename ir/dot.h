// Graphs as pictures.
#pragma once
#include <string>

#include "ir/graph.h"

namespace cnnc {

// The graph in Graphviz's language: nodes with their operator and origins, edges with types.
std::string dot_text(const Graph& graph);

}  // namespace cnnc

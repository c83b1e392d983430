// A graph for given sizes.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "ir/graph.h"

namespace cnnc {

// The same graph with symbols in the types of its inputs replaced; all other types are inferred anew.
std::unique_ptr<Graph> bind_symbols(const Graph& graph, const std::map<std::string, Dim>& sizes);

}  // namespace cnnc

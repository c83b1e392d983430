// Walks over the regions of nodes.
#pragma once
#include <functional>

#include "ir/graph.h"

namespace cnnc {

// Calls `fn` for each region of the node, but not for what is inside of it.
inline void for_each_region(const Node& node, const std::function<void(Graph&)>& fn) {
  for (const auto& [name, attribute] : node.attributes())
    if (const auto* region = std::get_if<std::shared_ptr<Graph>>(&attribute)) fn(**region);
}

}  // namespace cnnc

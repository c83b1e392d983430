// Numbers that decide what is imported: conditions and trip counts.
#pragma once
#include "ir/graph.h"

namespace cnnc {

// Makes `value`, which may be null, a constant of the graph where it is one number that is computed
// from constants only.
void fold_number(Graph& graph, Value*& value);

}  // namespace cnnc

// How the operands and results of a ForEach node are laid out.
#pragma once
#include "ir/op_def.h"

namespace cnnc {

// Operands: the shared ones, then those of each set in turn. Results: those of each set in turn.
struct ForEachLayout {
  explicit ForEachLayout(const Node& node);

  size_t operand(size_t set, size_t k) const { return shared + set * inputs + k; }
  size_t result(size_t set, size_t r) const { return set * outputs + r; }
  // The set's first operand that stands for a row: it has the shape of the set's results.
  const Value* sized_operand(const Node& node, size_t set) const;

  size_t sets, shared;
  size_t inputs, outputs;  // of one set
};

}  // namespace cnnc

// Values that lie in the memory of another one.
#pragma once
#include "ir/control_flow.h"
#include "ir/op_def.h"

namespace cnnc::codegen {

// The operand in whose memory a value lies: of a view, or of a loop's state, which is updated in place. Null when the
// value has memory of its own.
inline const Value* memory_operand(const Value& value) {
  const Node* node = value.producer();
  if (node == nullptr) return nullptr;
  if (node->op().is_view()) return node->input(0);
  if (!node->is("Scan") && !node->is("Loop")) return nullptr;
  const CarriedParts parts = carried_parts(*node);
  const auto i = static_cast<size_t>(value.index());
  return i < parts.states ? node->input(parts.first + i) : nullptr;
}

}  // namespace cnnc::codegen

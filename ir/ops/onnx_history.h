// Steps of `.onnx_upgrade` that several operators share.
#pragma once
#include "ir/op_def.h"

namespace cnnc {

// For upgrades that no ONNX version makes unnecessary, because the IR spells something differently.
inline constexpr int kEveryOpset = 1 << 30;

// Before opset 7 the second operand was broadcast only when asked, and `axis` said where its shape
// lies inside the first one's: size-1 axes appended to it give numpy's alignment.
void align_legacy_broadcast(OnnxNode& node);

// ONNX writes element types as numbers of TensorProto.DataType (opset 1 as their names); the IR has
// an attribute kind of its own.
void integer_to_dtype(OnnxNode& node, const std::string& attribute);

// Moves a number to input `position` as a scalar of the first operand's element type.
void attribute_to_scalar_input(OnnxNode& node, const std::string& attribute, size_t position);

// Appends `count` axes of size one.
Value* append_axes(Graph& graph, Value* value, int count);

}  // namespace cnnc

// Which ONNX version a graph can be written in.
#pragma once
#include <string>
#include <vector>

#include "ir/op_def.h"
#include "onnx/defs/schema.h"

namespace cnnc {

// The schema of a node's operator in an opset; null when ONNX has none.
const onnx::OpSchema* schema_of(const Node& node, int opset);

// Attributes that must be written: not those that have the declared default.
Attributes written_attributes(const Node& node);

// The oldest opset, 17 or newer, in which all nodes mean what they mean in the graph. Throws Error naming the nodes for
// which there is none.
int choose_opset(const Graph& graph);

// What files of an opset must call their format.
int ir_version_for(int opset);

// ONNX's name of an element type in type constraints: "tensor(float)".
std::string constraint_name(DType dtype);

}  // namespace cnnc

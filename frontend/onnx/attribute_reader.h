// ONNX's attributes to Attribute.
#pragma once
#include "frontend/onnx/scope.h"
#include "frontend/onnx/tensor_reader.h"

namespace cnnc {

// The attribute that a reference inside a function stands for, or `proto` itself; null when the
// call leaves it out.
onnx::AttributeProto* resolved(onnx::AttributeProto& proto, const Arguments* arguments);

// Anything but a graph, which only the importer of graphs can read. Throws Error naming the
// attribute.
Attribute read_attribute(onnx::AttributeProto& proto, TensorReader& tensors);

bool is_graph(const onnx::AttributeProto& proto);

}  // namespace cnnc

// Graph to ONNX files.
//
// Any graph whose operators are ONNX's can be written: what import or the DSL made, before passes bring in cnnc's own
// forms. The file has the oldest opset, from 17 on, that means what the graph means.
#pragma once
#include <string>

#include "ir/graph.h"

namespace cnnc {

// The bytes of a model. Throws Error naming all nodes that ONNX has no operator for, and Fault::limit beyond 2 GB.
std::string export_onnx_bytes(const Graph& graph);
// Writes them, complete or not at all. Throws Error (Fault::file).
void export_onnx_file(const Graph& graph, const std::string& path);

}  // namespace cnnc

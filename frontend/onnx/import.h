// ONNX files to Graph.
//
// The file is untrusted input: whatever it holds, import gives a graph or throws an Error. Every
// node is brought to the newest form of its operator, functions are expanded in place, and
// initializers become Constant nodes. All that is not supported is reported at once, with the names
// of the nodes. See docs/import.md.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

// What import refuses to go beyond, with Fault::limit.
struct ImportLimits {
  // protobuf cannot read more; larger models keep their weights in external files.
  int64_t file_bytes = (int64_t{1} << 31) - 1;
  // Messages inside messages; a graph in a graph is three of them.
  int nesting = 200;
  // Nodes that the expansion of functions makes, and functions inside functions.
  int64_t function_nodes = 500'000;
  int function_depth = 100;
  // All sparse tensors of the model, written out.
  int64_t sparse_bytes = int64_t{1} << 30;
  int rank = 64;
};

struct ImportOptions {
  // Sizes for symbols: {"batch", 8}.
  std::map<std::string, Dim> dims;
  // Shapes for inputs; -1 leaves the size of an axis as the model has it.
  std::map<std::string, Shape> shapes;
  // Inputs whose elements are known already. The graph keeps these inputs, without uses, and
  // computes what the model computes for these values only: so models run whose shapes are inputs.
  std::map<std::string, Tensor> values;
  // Dropout and BatchNormalization that were exported in training mode are imported as for inference: whoever trains the graph
  // gives them their form in training.
  bool for_training = false;
  ImportLimits limits;
  // Gets what is odd but harmless, one line each; may be empty.
  std::function<void(const std::string&)> warn;
};

// Throws Error: Fault::file when a file cannot be read, Fault::model when the model is invalid or
// needs what is not supported, Fault::usage when `options` do not fit the model, Fault::limit.
std::unique_ptr<Graph> import_onnx_file(const std::string& path, const ImportOptions& options = {});
// The same for a file in memory, called `name` in messages; it cannot refer to external files.
std::unique_ptr<Graph> import_onnx_bytes(std::string_view bytes, const std::string& name,
                                         const ImportOptions& options = {});

// Names of the model's inputs in order, without those that have an initializer: what ImportOptions
// may refer to.
std::vector<std::string> onnx_input_names(const std::string& path);

}  // namespace cnnc

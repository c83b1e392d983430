// What the names in a graph or function stand for while its nodes are imported.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>

#include "frontend/onnx/opset_table.h"
#include "ir/graph.h"
#include "onnx/onnx_pb.h"

namespace cnnc {

struct Binding {
  // Null for an absent operand of a function, a tensor that nobody has used yet, and what failed.
  Value* value = nullptr;
  onnx::TensorProto* tensor = nullptr;
  onnx::SparseTensorProto* sparse = nullptr;
  // The node or tensor behind it could not be imported, and the reason is already noted.
  bool failed = false;
};

// Attributes of a function's call, by the names that nodes of its body refer to.
using Arguments = std::unordered_map<std::string, onnx::AttributeProto*>;

class Scope {
 public:
  // Of a graph's own nodes; names that are not defined here are looked up in `outer`.
  Scope(Graph& graph, const OpsetTable& opsets, Scope* outer = nullptr)
      : graph_(graph),
        opsets_(opsets),
        outer_(outer),
        arguments_(outer ? outer->arguments_ : nullptr) {}
  // Of the nodes that a call of a function becomes in `graph`.
  Scope(Graph& graph, const OpsetTable& opsets, const Arguments& arguments)
      : graph_(graph), opsets_(opsets), arguments_(&arguments), function_(true) {}

  Graph& graph() const { return graph_; }
  const OpsetTable& opsets() const { return opsets_; }
  // Null outside of functions.
  const Arguments* arguments() const { return arguments_; }
  bool is_function() const { return function_; }

  // `name` must live as long as the scope. Throws Error when it is already defined.
  void define(std::string_view name, Binding binding);
  bool defines(std::string_view name) const { return names_.count(name) != 0; }
  // What the name stands for and the scope that defines it; null when there is nothing.
  Binding* find(std::string_view name, Scope** where);

 private:
  Graph& graph_;
  const OpsetTable& opsets_;
  Scope* outer_ = nullptr;
  const Arguments* arguments_;
  bool function_ = false;
  std::unordered_map<std::string_view, Binding> names_;
};

}  // namespace cnnc

// What an operator's gradient rule sees and says: the chain rule for one node.
#pragma once
#include <vector>

#include "ir/op_def.h"

namespace cnnc {

// A rule reads the gradients of the loss with respect to the node's outputs and gives those with
// respect to its operands, built as nodes at the graph's insertion point.
class GradientBuilder {
 public:
  // `output_gradients[i]` is null where the loss does not depend on output i; `wanted[k]` tells
  // whether anybody asks for operand k.
  GradientBuilder(const Node& node, Graph& graph, std::vector<Value*> output_gradients,
                  std::vector<bool> wanted);

  const Node& node() const { return node_; }
  Graph& graph() const { return graph_; }
  OpContext context() const { return OpContext(node_); }
  Value* input(size_t i) const { return node_.input(i); }
  Value* output(size_t i = 0) const { return node_.output(i); }
  bool wants(size_t operand) const { return operand < wanted_.size() && wanted_[operand]; }
  Value* out_grad(size_t i = 0) const { return output_gradients_[i]; }

  // The gradient of an operand. It may have the operand's shape before broadcasting: it is summed
  // over broadcast axes, and spread over axes of which it has only one element.
  void wrt(size_t operand, Value* gradient);
  // By operand; null where none was given.
  const std::vector<Value*>& results() const { return results_; }

  // ---- graph parts -----------------------------------------------------------------------------
  Value* make(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}) const {
    return graph_.make(op, std::move(inputs), std::move(attributes));
  }
  Value* ints(const Ints& values) const { return graph_.constant(Tensor::ints(values)); }
  Value* add(Value* a, Value* b) const { return make("Add", {a, b}); }
  Value* sub(Value* a, Value* b) const { return make("Sub", {a, b}); }
  Value* mul(Value* a, Value* b) const { return make("Mul", {a, b}); }
  Value* div(Value* a, Value* b) const { return make("Div", {a, b}); }
  Value* number(double value) const;  // in the element type of output 0's gradient
  Value* reshaped_like(Value* x, const Value* like) const;

 private:
  const Node& node_;
  Graph& graph_;
  std::vector<Value*> output_gradients_, results_;
  std::vector<bool> wanted_;
};

// The sizes of a value as an operand for Reshape, Expand and the like: a constant when they are
// numbers.
Value* shape_operand(Graph& g, const Value* value);
// One size as a tensor of one element.
Value* size_operand(Graph& g, const Value* value, int axis);
// `gradient` summed over the axes along which a value of type `like` was broadcast, and spread over
// those of which it has one element.
Value* fitted_to(Graph& g, Value* gradient, const Value* like);

}  // namespace cnnc

// What RNN, GRU and LSTM share: everything but the cell.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ir/op_def.h"

namespace cnnc {

// An activation of a cell with its numbers.
struct CellActivation {
  std::string name;
  double alpha = 0, beta = 0;
};

// One time step while its graph is built: the states and the gates' part of x on one side, what the
// whole sequence shares on the other.
struct CellStep {
  Graph& graph;
  const Node& node;  // the RNN, GRU or LSTM
  std::vector<CellActivation> activations;
  Value* x;                       // [batch, gates * hidden]: x W^T with its biases
  std::vector<Value*> states;     // [batch, hidden] each
  std::vector<Value*> constants;  // as the cell asked for them
  Value* factors = nullptr;       // [batch, gates * hidden], of h before its products; null: none

  // The k-th activation of the node, of a clipped operand.
  Value* activated(size_t k, Value* a) const;
  Value* with_activation(size_t k, Value* a) const;
  Value* add(Value* a, Value* b) const { return graph.make("Add", {a, b}); }
  Value* mul(Value* a, Value* b) const { return graph.make("Mul", {a, b}); }
  Value* matmul(Value* a, Value* b) const { return graph.make("MatMul", {a, b}); }
  // h times the weights [hidden, count * hidden] of these gates.
  Value* recurrent_product(Value* h, Value* weights, int first_gate, int count) const;
  Value* one_minus(Value* a) const;
  // [batch, count * size] as `count` values [batch, size].
  std::vector<Value*> split(Value* a, int count) const;
};

// What one direction of the layer computes with.
struct Direction {
  Graph& graph;
  const Node& node;
  int64_t number;  // 0 or 1

  // Operand i of the layer for this direction, without the axis of directions; null when absent.
  Value* operand(size_t i) const;
};

struct Cell {
  int gates = 1;
  int states = 1;               // h, and c of LSTM
  Strings default_activations;  // of one direction
  size_t initial_state = 5;     // the operand that is the first initial state
  size_t factors = 0;           // the operand that has the factors of h; 0: none
  // What is added to x W^T; null for nothing.
  std::function<Value*(const Direction&)> input_bias;
  // Values that every step uses.
  std::function<std::vector<Value*>(const Direction&)> constants;
  // The states after a step.
  std::function<std::vector<Value*>(const CellStep&)> step;
};

// Attributes and operands that all of them have. The declaration goes on behind B and
// sequence_lens.
OpDef& recurrent_operator(std::string name);
std::vector<Type> recurrent_types(const OpContext& c, const Cell& cell);
// A product for all time steps at once, and a Scan over them for each direction.
std::vector<Value*> recurrent_graph(const Node& node, Graph& g, const Cell& cell);

// Both halves of B [2 * gates * hidden], x's and h's.
std::vector<Value*> bias_halves(const Direction& d);
// R^T of a direction: [hidden, gates * hidden].
Value* recurrence_weights(const Direction& d);

}  // namespace cnnc

// Scalar expressions as graph nodes.
#pragma once
#include <unordered_map>
#include <vector>

#include "ir/graph.h"
#include "ir/scalar.h"

namespace cnnc {

// Makes element-wise nodes of expressions over param(k) = operand k. Shared parts become one node,
// also between expressions.
class ScalarNodes {
 public:
  ScalarNodes(Graph& graph, std::vector<Value*> operands)
      : graph_(graph), operands_(std::move(operands)) {}

  // `value` already holds this expression.
  void known(const Scalar& expression, Value* value) { made_[expression.get()] = value; }
  Value* make(const Scalar& expression);

 private:
  Value* make_node(const Scalar& s);

  Graph& graph_;
  std::vector<Value*> operands_;
  std::unordered_map<const Scalar::Node*, Value*> made_;
  std::vector<Scalar> alive_;  // so that addresses of expressions stay unique
};

}  // namespace cnnc

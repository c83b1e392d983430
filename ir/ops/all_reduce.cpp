// Sums over the processes that train together. In between beginning and end other steps run.
#include "ir/op_def.h"

namespace cnnc {
namespace {

// The reference has one process.
std::vector<Tensor> identity(const Node&, const std::vector<const Tensor*>& operands) {
  return {*operands[0]};
}

std::vector<Type> same_vector(const OpContext& c) {
  c.require(c.rank(0) == 1, "the operand is ", c.type(), ", need a vector");
  return {c.type()};
}

CNNC_OP(AllReduceBegin)
    .doc("Begins to sum a vector over all processes. The result is what AllReduceEnd takes, and nothing else.")
    .input("data", {DType::f32})
    .infer(same_vector)
    .kernel(identity)
    .impure()
    .example({random(DType::f32, {5})});

CNNC_OP(AllReduceEnd)
    .doc("Waits for the sum that AllReduceBegin began.")
    .input("begun", {DType::f32})
    .infer(same_vector)
    .kernel(identity)
    .impure()
    .example({random(DType::f32, {5})});

}  // namespace
}  // namespace cnnc

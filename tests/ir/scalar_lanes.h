// Runs a Scalar expression over arrays, an operator at a time, with single-rounding arithmetic in the expression's types.
// Supports what expand_math produces.
#pragma once
#include <vector>

#include "ir/scalar.h"

namespace cnnc {

class ScalarLanes {
 public:
  static constexpr int kLanes = 4096;
  // param(k) of the expression reads inputs[k].
  explicit ScalarLanes(const Scalar& expr);

  // result[i] = expr(inputs[0][i], inputs[1][i], ...), i < kLanes.
  void run(const std::vector<const float*>& inputs, float* result);
  // Operators other than constants and parameters.
  int operator_count() const;

 private:
  struct Instruction {
    Scalar node;
    std::vector<int> args;
    std::vector<uint64_t> lanes;  // kLanes elements of the node's type, packed
  };
  void step(Instruction& instruction);

  std::vector<Instruction> program_;
};

}  // namespace cnnc

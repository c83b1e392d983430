// Scalar expressions compiled to a list of instructions that run over many points at once: the interpreter's engine.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ir/computation.h"
#include "runtime/tensor.h"

namespace cnnc {

using Symbols = std::map<std::string, int64_t>;

// Expressions over at most kLanes points. The caller fills the vectors of the indices and params that it uses, runs, and
// reads the results. A load outside of its operand gives NaN or 0, so that the side of a select that is not chosen may
// point anywhere.
class ScalarProgram {
 public:
  static constexpr int kLanes = 256;

  // `operands[k]` is what load number k reads; it must outlive the program. Throws Error when a size is not in `symbols`.
  ScalarProgram(const Scalars& results, const std::vector<const Tensor*>& operands, const Symbols& symbols);

  // Vectors of kLanes elements; null when the expressions do not use them.
  int64_t* index(int axis);
  void* param(int number);

  void run(int lanes);
  const void* result(size_t k) const { return registers_[static_cast<size_t>(results_[k])].get(); }

 private:
  struct Instruction {
    ScalarOp op;
    DType dtype;  // of the last argument
    DType result_dtype;
    int result;
    std::vector<int> args;
    const Tensor* operand = nullptr;  // of a load
  };

  int compile(const Scalar& expr, const std::vector<const Tensor*>& operands, const Symbols& symbols);
  int new_register(DType dtype);
  int register_of(std::map<int, int>& numbers, int number, DType dtype);
  int emit(ScalarOp op, DType dtype, DType result_dtype, std::vector<int> args);
  // Arithmetic of f16 and bf16: through f32.
  int emit_operator(const Scalar& expr, std::vector<int> args);
  int emit_constant(DType dtype, const Scalar& constant);
  void load(const Instruction& instruction, int lanes);

  std::vector<std::shared_ptr<void>> registers_;
  std::vector<Instruction> code_;
  std::vector<int> results_;
  std::map<int, int> indices_, params_;  // register by number
  std::map<const Scalar::Node*, int> compiled_;
};

// The tensor that a computation describes.
Tensor evaluate(const Computation& computation, const std::vector<const Tensor*>& operands, const Symbols& symbols);

}  // namespace cnnc

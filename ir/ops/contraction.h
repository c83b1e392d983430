// What convolutions and matrix products share: sums of products with a wide accumulator.
#pragma once
#include <functional>

#include "ir/op_def.h"

namespace cnnc {

// The type that elements of `dtype` are summed in: f32 for the 16-bit floats, else itself.
DType sum_dtype(DType dtype);
// An operand's element in its sum's type.
Scalar load_for_sum(const OpContext& c, size_t operand, Scalars indices);
// The sum of `element` over `reduce`, in the output's type; `add` (may be null) is added to the
// finished sum.
Computation sum_of(const OpContext& c, Dims reduce, const Scalar& element, const Scalar& add = {});

// Throws Error unless two sizes that must agree do: "<a_name> is 3 but <b_name> is 4".
void require_equal(const OpContext& c, const Dim& a, const std::string& a_name, const Dim& b,
                   const std::string& b_name);

// Operands of a kernel as f32 where they are 16-bit floats; null stays null.
class WideOperands {
 public:
  explicit WideOperands(const std::vector<const Tensor*>& operands);
  const Tensor* operator[](size_t i) const { return i < wide_.size() ? wide_[i] : nullptr; }

 private:
  std::vector<Tensor> converted_;
  std::vector<const Tensor*> wide_;
};
// `tensor` with its elements rounded to a 16-bit float type, or itself when it has the type
// already.
Tensor narrowed(Tensor tensor, DType dtype);

}  // namespace cnnc

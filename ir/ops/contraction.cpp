#include "ir/ops/contraction.h"

namespace cnnc {

static bool is_half(DType t) { return t == DType::f16 || t == DType::bf16; }

DType sum_dtype(DType dtype) { return is_half(dtype) ? DType::f32 : dtype; }

Scalar load_for_sum(const OpContext& c, size_t operand, Scalars indices) {
  return cast(c.load(operand, std::move(indices)), sum_dtype(c.dtype(operand)));
}

Computation sum_of(const OpContext& c, Dims reduce, const Scalar& element, const Scalar& add) {
  const DType dtype = element.dtype();
  Computation sum;
  sum.dtype = c.output_type().dtype;
  sum.space = c.output_type().dims;
  sum.reduce = std::move(reduce);
  sum.elements = {element};
  sum.init = {Scalar::constant(dtype, 0)};
  sum.combine = {Scalar::param(0, dtype) + Scalar::param(1, dtype)};
  sum.value = Scalar::param(0, dtype);
  if (add) sum.value = sum.value + add;
  sum.value = cast(sum.value, sum.dtype);
  return sum;
}

void require_equal(const OpContext& c, const Dim& a, const std::string& a_name, const Dim& b,
                   const std::string& b_name) {
  if (a == b) return;
  c.require(!a.is_const() || !b.is_const(), a_name, " is ", a, " but ", b_name, " is ", b);
  c.fail(a_name, " is ", a, " and ", b_name, " is ", b,
         ", which must be equal; bind the symbols with --dim or --shape");
}

WideOperands::WideOperands(const std::vector<const Tensor*>& operands) : wide_(operands) {
  converted_.reserve(operands.size());
  for (const Tensor*& t : wide_) {
    if (t == nullptr || !is_half(t->dtype())) continue;
    Tensor wide(DType::f32, t->shape());
    float* to = wide.mutable_data<float>();
    const auto* from = t->data<uint16_t>();
    for (int64_t i = 0; i < t->size(); ++i)
      to[i] = t->dtype() == DType::f16 ? f16_to_f32(from[i]) : bf16_to_f32(from[i]);
    converted_.push_back(std::move(wide));
    t = &converted_.back();
  }
}

Tensor narrowed(Tensor tensor, DType dtype) {
  if (!is_half(dtype)) return tensor;
  Tensor narrow(dtype, tensor.shape());
  auto* to = narrow.mutable_data<uint16_t>();
  const float* from = tensor.data<float>();
  for (int64_t i = 0; i < tensor.size(); ++i)
    to[i] = dtype == DType::f16 ? f32_to_f16(from[i]) : f32_to_bf16(from[i]);
  return narrow;
}

}  // namespace cnnc

// Element-wise operators over any number of operands, and Clip.
#include "ir/op_def.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

template <typename Combine>
Scalar fold_operands(const Scalars& x, Combine combine) {
  Scalar result = x[0];
  for (size_t i = 1; i < x.size(); ++i) result = combine(result, x[i]);
  return result;
}

Scalar sum_of(const Scalars& x) {
  return fold_operands(x, [](const Scalar& a, const Scalar& b) { return a + b; });
}

CNNC_OP(Sum)
    .doc("Sum of all operands, added from the first to the last.")
    .onnx({1, 6, 8, 13})
    .variadic_input("data_0", kFloatTypes)
    .elementwise_with([](const OpContext&, const Scalars& x) { return sum_of(x); })
    .example({random(f32, {2, 3, 4}), random(f32, {3, 1}), random(f32, {})})
    .example({random(f64, {2, 3}), random(f64, {2, 3})})
    .example({random(f16, {4})});

CNNC_OP(Mean)
    .doc("Mean of all operands.")
    .onnx({1, 6, 8, 13})
    .variadic_input("data_0", kFloatTypes)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      return sum_of(x) / static_cast<double>(c.input_count());
    })
    .example({random(f32, {2, 3, 4}), random(f32, {3, 1}), random(f32, {})})
    .example({random(f64, {2, 3}), random(f64, {2, 3})});

CNNC_OP(Max)
    .doc("The greatest of all operands; NaN when one is NaN.")
    .onnx({1, 6, 8, 12, 13})
    .variadic_input("data_0", kNumberTypes)
    .elementwise_with([](const OpContext&, const Scalars& x) {
      return fold_operands(x, [](const Scalar& a, const Scalar& b) { return max(a, b); });
    })
    .example({random(f32, {2, 3, 4}), random(f32, {3, 1}), random(f32, {})})
    .example({random(f64, {2, 3}), random(f64, {2, 3})})
    .example({random(u64, {2, 3}, 0, 100), random(u64, {3}, 0, 100)});

CNNC_OP(Min)
    .doc("The least of all operands; NaN when one is NaN.")
    .onnx({1, 6, 8, 12, 13})
    .variadic_input("data_0", kNumberTypes)
    .elementwise_with([](const OpContext&, const Scalars& x) {
      return fold_operands(x, [](const Scalar& a, const Scalar& b) { return min(a, b); });
    })
    .example({random(f32, {2, 3, 4}), random(f32, {3, 1}), random(f32, {})})
    .example({random(f64, {2, 3}), random(f64, {2, 3})})
    .example({random(i8, {2, 3}, -100, 100), random(i8, {3}, -100, 100)});

CNNC_OP(Clip)
    .doc("x limited to [min, max]; max where min > max. A bound that is absent does not limit.")
    .onnx({1, 6, 11, 12, 13})
    .onnx_upgrade(10,
                  [](OnnxNode& node) {
                    attribute_to_scalar_input(node, "min", 1);
                    attribute_to_scalar_input(node, "max", 2);
                  })
    .input("input", kNumberTypes)
    .optional_input("min", kNumberTypes)
    .optional_input("max", kNumberTypes)
    .elementwise_with([](const OpContext&, const Scalars& x) {
      Scalar result = x[0];
      if (x[1]) result = max(result, x[1]);
      if (x[2]) result = min(result, x[2]);
      return result;
    })
    .example({random(f32, {2, 3, 4}), given(Tensor::scalar(f32, -0.5)),
              given(Tensor::scalar(f32, 0.5))})
    .example({random(f64, {3}), given(Tensor::scalar(f64, 0))})
    .example({random(f16, {3}), absent(), given(Tensor::scalar(f16, 0.25))})
    .example({random(i32, {3}, -9, 9), given(Tensor::scalar(i32, 3)),
              given(Tensor::scalar(i32, 1))});

}  // namespace
}  // namespace cnnc

// Element-wise activations. (Softmax and its kin reduce: see softmax.cpp.)
#include <cmath>

#include "ir/gradient.h"
#include "ir/op_def.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

CNNC_OP(Relu)
    .doc("max(x, 0).")
    .onnx({1, 6, 13, 14})
    .input("X", kNumberTypes)
    .elementwise([](Scalar x) { return max(x, x.like(0)); })
    // By the result, so that what goes into it need not be kept.
    .gradient([](GradientBuilder& g) {
      Value* zero = g.number(0);
      g.wrt(0, g.make("Where", {g.make("Greater", {g.output(), zero}), g.out_grad(), zero}));
    })
    .example({random(f32, {2, 3, 4})})
    .example({random(f64, {5})})
    .example({random(bf16, {})})
    .example({random(i32, {2, 3}, -9, 9)});

CNNC_OP(LeakyRelu)
    .doc("x where x >= 0, else alpha x.")
    .onnx({1, 6, 16})
    .input("X", kFloatTypes)
    .attribute("alpha", 0.01)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      return select(x[0] >= x[0].like(0), x[0], c.number("alpha") * x[0]);
    })
    .example({random(f32, {2, 3, 4})})
    .example({random(f64, {5})}, {{"alpha", 0.25}});

// Up to opset 6 a slope of rank 1 had one element, or one for each channel (axis 1).
void align_legacy_slope(OnnxNode& node) {
  if (node.inputs.size() < 2 || !node.inputs[0] || !node.inputs[1]) return;
  Value*& slope = node.inputs[1];
  if (slope->rank() == 1 && !(slope->dim(0) == 1))
    slope = append_axes(node.graph, slope, node.inputs[0]->rank() - 2);
}

CNNC_OP(PRelu)
    .doc("x where x >= 0, else slope x; the slope is broadcast to the shape of x.")
    .onnx({1, 6, 7, 9, 16})
    .onnx_upgrade(6, align_legacy_slope)
    .input("X", kNumberTypes)
    .input("slope", kNumberTypes)
    .elementwise([](Scalar x, Scalar slope) { return select(x >= x.like(0), x, slope * x); })
    .infer([](const OpContext& c) -> std::vector<Type> {
      const int offset = c.rank(0) - c.rank(1);
      bool fits = offset >= 0;
      for (int a = 0; fits && a < c.rank(1); ++a) {
        const Dim& need = c.dims(0)[static_cast<size_t>(offset + a)];
        const std::optional<Dim> joined = broadcast(c.dims(1)[static_cast<size_t>(a)], need);
        fits = joined && (*joined == need || !joined->is_const());
      }
      c.require(fits, "slope ", c.type(1), " does not broadcast to ", c.type(0));
      return {c.type(0)};
    })
    .example({random(f32, {2, 3, 4}), random(f32, {3, 1})})
    .example({random(f64, {2, 3}), random(f64, {2, 3})})
    .example({random(f16, {2, 3}), random(f16, {1})})
    .example({random(i32, {2, 3}, -9, 9), random(i32, {3}, -9, 9)});

CNNC_OP(ThresholdedRelu)
    .doc("x where x > alpha, else 0.")
    .onnx({10, 22})
    .input("X", kFloatTypes)
    .attribute("alpha", 1.0)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      return select(x[0] > x[0].like(c.number("alpha")), x[0], x[0].like(0));
    })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)}, {{"alpha", 0.5}});

CNNC_OP(Elu)
    .doc("x where x >= 0, else alpha (e^x - 1).")
    .onnx({1, 6, 22})
    .input("X", kFloatTypes)
    .attribute("alpha", 1.0)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      return select(x[0] >= x[0].like(0), x[0], c.number("alpha") * expm1(x[0]));
    })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)}, {{"alpha", 2.0}});

// Selu-1 rounds its constants to four digits.
void legacy_selu_constants(OnnxNode& node) {
  node.attributes.try_emplace("alpha", static_cast<double>(1.6732f));
  node.attributes.try_emplace("gamma", static_cast<double>(1.0507f));
}

CNNC_OP(Selu)
    .doc("gamma x where x > 0, else gamma alpha (e^x - 1).")
    .onnx({1, 6, 22})
    .onnx_upgrade(5, legacy_selu_constants)
    .input("X", kFloatTypes)
    .attribute("alpha", 1.67326319217681884765625)
    .attribute("gamma", 1.05070102214813232421875)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      return c.number("gamma") * select(x[0] > x[0].like(0), x[0], c.number("alpha") * expm1(x[0]));
    })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)}, {{"alpha", 2.0}, {"gamma", 3.0}});

CNNC_OP(Celu)
    .doc("max(x, 0) + min(0, alpha (e^(x / alpha) - 1)).")
    .onnx({12, 28})
    .input("X", kFloatTypes)
    .attribute("alpha", 1.0)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      const double alpha = c.number("alpha");
      const Scalar zero = x[0].like(0);
      return max(x[0], zero) + min(zero, alpha * expm1(x[0] / alpha));
    })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)}, {{"alpha", 2.0}});

Scalar hard_sigmoid(const Scalar& x, double alpha, double beta) {
  return max(x.like(0), min(x.like(1), alpha * x + beta));
}

CNNC_OP(HardSigmoid)
    .doc("alpha x + beta limited to [0, 1].")
    .onnx({1, 6, 22})
    .input("X", kFloatTypes)
    .attribute("alpha", 0.2)
    .attribute("beta", 0.5)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      return hard_sigmoid(x[0], c.number("alpha"), c.number("beta"));
    })
    .example({random(f32, {2, 3, 4}, -4, 4)})
    .example({random(f64, {5}, -4, 4)}, {{"alpha", 0.5}, {"beta", 0.25}});

CNNC_OP(HardSwish)
    .doc("x times (x / 6 + 1/2 limited to [0, 1]).")
    .onnx({14, 22})
    .input("X", kFloatTypes)
    .elementwise([](Scalar x) { return x * hard_sigmoid(x, 1.0 / 6, 0.5); })
    .example({random(f32, {2, 3, 4}, -4, 4)})
    .example({random(f64, {5}, -4, 4)});

CNNC_OP(Sigmoid)
    .doc("1 / (1 + e^-x).")
    .onnx({1, 6, 13})
    .input("X", kFloatTypes)
    .elementwise([](Scalar x) { return sigmoid(x); })
    .gradient([](GradientBuilder& g) {
      Value* y = g.output();
      g.wrt(0, g.mul(g.out_grad(), g.mul(y, g.sub(g.number(1), y))));
    })
    .example({random(f32, {2, 3, 4}, -4, 4)})
    .example({random(f64, {5}, -4, 4)})
    .example({given(Tensor::of<float>(f32, {3}, {-1000, 1000, NAN}))});

// log(1 + e^x) that neither overflows for great x nor rounds to 0 for small x.
Scalar softplus(const Scalar& x) { return max(x, x.like(0)) + log1p(exp(-abs(x))); }

CNNC_OP(Softplus)
    .doc("log(1 + e^x).")
    .onnx({1, 22})
    .input("X", kFloatTypes)
    .elementwise([](Scalar x) { return softplus(x); })
    // The expression has a kink at 0, the function has none.
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.mul(g.out_grad(), g.make("Sigmoid", {g.input(0)})));
    })
    .example({random(f32, {2, 3, 4}, -4, 4)})
    .example({random(f64, {5}, -4, 4)})
    .example({given(Tensor::of<float>(f32, {2}, {-1000, 1000}))});

CNNC_OP(Softsign)
    .doc("x / (1 + |x|).")
    .onnx({1, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return x / (1.0 + abs(x)); })
    .example({random(f32, {2, 3, 4}, -4, 4)})
    .example({random(f64, {5}, -4, 4)});

CNNC_OP(Gelu)
    .doc(
        "x times the normal distribution function at x, which `approximate` = tanh replaces by an "
        "expression in tanh.")
    .onnx({20})
    .input("X", kFloatTypes)
    .attribute("approximate", "none")
    .elementwise_with([](const OpContext& c, const Scalars& operands) {
      const Scalar& x = operands[0];
      const std::string& approximate = c.text("approximate");
      c.require(approximate == "none" || approximate == "tanh", "approximate is ",
                quoted(approximate), ", need none or tanh");
      if (approximate == "none") return 0.5 * x * (1.0 + erf(x * M_SQRT1_2));
      return 0.5 * x * (1.0 + tanh(std::sqrt(M_2_PI) * (x + 0.044715 * (x * x * x))));
    })
    .example({random(f32, {2, 3, 4}, -4, 4)})
    .example({random(f64, {5}, -4, 4)})
    .example({random(f64, {5}, -4, 4)}, {{"approximate", "tanh"}});

CNNC_OP(Mish)
    .doc("x tanh(log(1 + e^x)).")
    .onnx({18, 22})
    .input("X", kFloatTypes)
    .elementwise([](Scalar x) { return x * tanh(softplus(x)); })
    .example({random(f32, {2, 3, 4}, -4, 4)})
    .example({random(f64, {5}, -4, 4)});

CNNC_OP(Swish)
    .doc("x / (1 + e^(-alpha x)).")
    .onnx({24})
    .input("X", kFloatTypes)
    .attribute("alpha", 1.0)
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      return x[0] * sigmoid(c.number("alpha") * x[0]);
    })
    .example({random(f32, {2, 3, 4}, -4, 4)})
    .example({random(f64, {5}, -4, 4)}, {{"alpha", 1.5}});

CNNC_OP(Shrink)
    .doc("x + bias where x < -lambd, x - bias where x > lambd, else 0.")
    .onnx({9})
    .input("input", kNumberTypes)
    .attribute("lambd", 0.5)
    .attribute("bias", 0.0)
    .elementwise_with([](const OpContext& c, const Scalars& operands) {
      // Integers are compared and moved as f64, so that a fraction in lambd or bias counts.
      const DType dtype = operands[0].dtype();
      const Scalar x = is_float(dtype) ? operands[0] : cast(operands[0], f64);
      const Scalar lambd = x.like(c.number("lambd"));
      const double bias = c.number("bias");
      return cast(select(x < -lambd, x + bias, select(x > lambd, x - bias, x.like(0))), dtype);
    })
    .example({random(f32, {2, 3, 4}, -2, 2)})
    .example({random(f64, {5}, -2, 2)}, {{"lambd", 1.0}, {"bias", 0.5}})
    .example({random(i32, {2, 3}, -4, 4)}, {{"lambd", 1.5}, {"bias", 1.0}});

}  // namespace
}  // namespace cnnc

// Element-wise functions of analysis.
#include "ir/op_def.h"

namespace cnnc {
namespace {
using enum DType;

CNNC_OP(Exp)
    .doc("e^x.")
    .onnx({1, 6, 13})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return exp(x); })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)})
    .example({random(f16, {}, -3, 3)});

CNNC_OP(Log)
    .doc("Natural logarithm; NaN for negative numbers.")
    .onnx({1, 6, 13})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return log(x); })
    .example({random(f32, {2, 3, 4}, 0.1, 9)})
    .example({random(f64, {5}, 0.1, 9)})
    .example({random(f16, {}, 0.1, 9)});

CNNC_OP(Sin)
    .doc("Sine of x radians.")
    .onnx({7, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return sin(x); })
    .example({random(f32, {2, 3, 4}, -9, 9)})
    .example({random(f64, {5}, -9, 9)})
    .example({random(f16, {}, -9, 9)});

CNNC_OP(Cos)
    .doc("Cosine of x radians.")
    .onnx({7, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return cos(x); })
    .example({random(f32, {2, 3, 4}, -9, 9)})
    .example({random(f64, {5}, -9, 9)})
    .example({random(f16, {}, -9, 9)});

CNNC_OP(Tan)
    .doc("Tangent of x radians.")
    .onnx({7, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return tan(x); })
    .example({random(f32, {2, 3, 4}, -1.4, 1.4)})
    .example({random(f64, {5}, -1.4, 1.4)})
    .example({random(f16, {}, -1.4, 1.4)});

CNNC_OP(Asin)
    .doc("Inverse sine; NaN outside [-1, 1].")
    .onnx({7, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return asin(x); })
    .example({random(f32, {2, 3, 4}, -0.9, 0.9)})
    .example({random(f64, {5}, -0.9, 0.9)})
    .example({random(f16, {}, -0.9, 0.9)});

CNNC_OP(Acos)
    .doc("Inverse cosine; NaN outside [-1, 1].")
    .onnx({7, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return acos(x); })
    .example({random(f32, {2, 3, 4}, -0.9, 0.9)})
    .example({random(f64, {5}, -0.9, 0.9)})
    .example({random(f16, {}, -0.9, 0.9)});

CNNC_OP(Atan)
    .doc("Inverse tangent.")
    .onnx({7, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return atan(x); })
    .example({random(f32, {2, 3, 4}, -9, 9)})
    .example({random(f64, {5}, -9, 9)})
    .example({random(f16, {}, -9, 9)});

CNNC_OP(Sinh)
    .doc("Hyperbolic sine.")
    .onnx({9, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return sinh(x); })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)})
    .example({random(f16, {}, -3, 3)});

CNNC_OP(Cosh)
    .doc("Hyperbolic cosine.")
    .onnx({9, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return cosh(x); })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)})
    .example({random(f16, {}, -3, 3)});

CNNC_OP(Tanh)
    .doc("Hyperbolic tangent.")
    .onnx({1, 6, 13})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return tanh(x); })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)})
    .example({random(f16, {}, -3, 3)});

CNNC_OP(Asinh)
    .doc("Inverse hyperbolic sine.")
    .onnx({9, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return asinh(x); })
    .example({random(f32, {2, 3, 4}, -9, 9)})
    .example({random(f64, {5}, -9, 9)})
    .example({random(f16, {}, -9, 9)});

CNNC_OP(Acosh)
    .doc("Inverse hyperbolic cosine; NaN below 1.")
    .onnx({9, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return acosh(x); })
    .example({random(f32, {2, 3, 4}, 1.1, 9)})
    .example({random(f64, {5}, 1.1, 9)})
    .example({random(f16, {}, 1.1, 9)});

CNNC_OP(Atanh)
    .doc("Inverse hyperbolic tangent; NaN outside [-1, 1].")
    .onnx({9, 22})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return atanh(x); })
    .example({random(f32, {2, 3, 4}, -0.9, 0.9)})
    .example({random(f64, {5}, -0.9, 0.9)})
    .example({random(f16, {}, -0.9, 0.9)});

CNNC_OP(Erf)
    .doc("Error function.")
    .onnx({9, 13})
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return erf(x); })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)})
    .example({random(f16, {}, -3, 3)});

// Functions that ONNX lacks and derivatives need.

CNNC_OP(Log1p)
    .doc("log(1 + x), exact for small x.")
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return log1p(x); })
    .example({random(f32, {2, 3, 4}, -0.9, 9)})
    .example({random(f64, {5}, -0.9, 9)});

CNNC_OP(Expm1)
    .doc("e^x - 1, exact for small x.")
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return expm1(x); })
    .example({random(f32, {2, 3, 4}, -3, 3)})
    .example({random(f64, {5}, -3, 3)});

CNNC_OP(Trunc)
    .doc("The nearest whole number towards 0.")
    .input("input", kFloatTypes)
    .elementwise([](Scalar x) { return trunc(x); })
    .example({random(f32, {2, 3, 4}, -9, 9)})
    .example({random(f64, {5}, -9, 9)});

}  // namespace
}  // namespace cnnc

// Element types, copies and selection.
#include "ir/gradient.h"
#include "ir/op_def.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

CNNC_OP(Identity)
    .doc("The operand itself.")
    .onnx({1, 13, 14, 16, 19, 21, 23, 24, 25})
    .input("input")
    .infer([](const OpContext& c) -> std::vector<Type> { return {c.type()}; })
    .indexed([](const OpContext& c, const Scalars& at) { return c.load(0, at); })
    .gradient([](GradientBuilder& g) { g.wrt(0, g.out_grad()); })
    .view()
    .example({random(f32, {2, 3, 4})})
    .example({random(f16, {2, 3})})
    .example({random(boolean, {}, 0, 2)});

// saturate and round_mode speak of 8-bit floats only.
CNNC_OP(Cast)
    .doc(
        "The operand converted to type `to`. Floats are truncated to integers, with the nearest "
        "end of the range for "
        "what does not fit and 0 for NaN; integers wrap around; to bool everything but 0 is true.")
    .onnx({1, 6, 9, 13, 19, 21, 23, 24, 25, 28})
    .onnx_upgrade(kEveryOpset, [](OnnxNode& node) { integer_to_dtype(node, "to"); })
    .input("input", kAnyType, "T1")
    .required_attribute("to", f32)
    .attribute("saturate", 1)
    .attribute("round_mode", "up")
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      return cast(x[0], std::get<DType>(*c.node().attribute("to")));
    })
    .example({random(f32, {2, 3, 4}, -9, 9)}, {{"to", i32}})
    .example({random(f32, {2, 3}, -9, 9)}, {{"to", f16}})
    .example({random(f16, {2, 3}, -9, 9)}, {{"to", f32}})
    .example({random(bf16, {2, 3}, -9, 9)}, {{"to", f16}})
    .example({random(f64, {2, 3}, -9, 9)}, {{"to", bf16}})
    .example({random(f32, {5}, -2, 2)}, {{"to", boolean}})
    .example({random(i64, {5}, -999, 999)}, {{"to", u8}})
    .example({random(i64, {}, -999, 999)}, {{"to", f32}})
    .example({random(boolean, {5}, 0, 2)}, {{"to", f64}});

CNNC_OP(CastLike)
    .doc("The first operand converted to the element type of the second, as Cast does it.")
    .onnx({15, 19, 21, 23, 24, 25})
    .input("input", kAnyType, "T1")
    .input("target_type", kAnyType, "T2")
    .attribute("saturate", 1)
    .attribute("round_mode", "up")
    .infer([](const OpContext& c) -> std::vector<Type> {
      return {{c.dtype(1), c.dims(0)}};
    })
    .indexed([](const OpContext& c, const Scalars& at) { return cast(c.load(0, at), c.dtype(1)); })
    .gradient([](GradientBuilder& g) { g.wrt(0, g.out_grad()); })
    .example({random(f32, {2, 3}, -9, 9), random(i32, {1})})
    .example({random(f16, {2, 3}, -9, 9), random(f64, {})})
    .example({random(i8, {4}, -9, 9), random(bf16, {2, 2})});

CNNC_OP(Where)
    .doc("x where the condition holds, else y.")
    .onnx({9, 16})
    .input("condition", kBoolType, "B")
    .input("X")
    .input("Y")
    .elementwise([](Scalar condition, Scalar x, Scalar y) { return select(condition, x, y); })
    .example({random(boolean, {2, 3, 4}, 0, 2), random(f32, {3, 1}), random(f32, {4})})
    .example({random(boolean, {3}, 0, 2), random(f64, {2, 3}), random(f64, {2, 1})})
    .example({random(boolean, {}, 0, 2), random(f16, {2, 3}), random(f16, {2, 3})})
    .example({random(boolean, {5}, 0, 2), random(boolean, {5}, 0, 2), random(boolean, {}, 0, 2)});

}  // namespace
}  // namespace cnnc

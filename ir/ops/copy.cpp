// Copy: the same elements in memory of their own.
#include "ir/gradient.h"

namespace cnnc {

CNNC_OP(Copy)
    .doc("The operand's elements in memory of their own. Code generation makes it where a result needs that.")
    .input("input")
    .infer([](const OpContext& c) -> std::vector<Type> { return {c.type()}; })
    .indexed([](const OpContext& c, const Scalars& at) { return c.load(0, at); })
    .gradient([](GradientBuilder& g) { g.wrt(0, g.out_grad()); })
    .example({random(DType::f32, {2, 3})});

}  // namespace cnnc

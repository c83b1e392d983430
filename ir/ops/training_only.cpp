// What a model computes only while it is trained: passes/training/training_form.h gives these operators their meaning
// there.
#include "ir/gradient.h"

namespace cnnc {
namespace {
using enum DType;

CNNC_OP(WhenTraining)
    .doc("The first operand; while the model is trained, the second one, which has the same type.")
    .input("usual")
    .input("training")
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.type(0) == c.type(1), "the operands are ", c.type(0), " and ", c.type(1),
                ", need one type");
      return {c.type()};
    })
    .indexed([](const OpContext& c, const Scalars& at) { return c.load(0, at); })
    .gradient([](GradientBuilder& g) { g.wrt(0, g.out_grad()); })
    .example({random(f32, {2, 3}), random(f32, {2, 3})})
    .example({random(i64, {4}, 0, 9), random(i64, {4}, 0, 9)});

CNNC_OP(StepNumber)
    .doc("How many steps the training has behind it; 0 where nothing is trained.")
    .infer([](const OpContext&) -> std::vector<Type> { return {{i64, {}}}; })
    .indexed([](const OpContext&, const Scalars&) { return Scalar::i64(0); })
    .example({});

}  // namespace
}  // namespace cnnc

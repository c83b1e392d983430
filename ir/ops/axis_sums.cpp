// Sums over short runs of an axis: what gradients of Resize are made of.
#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/indexing.h"

namespace cnnc {
namespace {
using enum DType;

int axis_of(const OpContext& c) { return c.axis(c.integer("axis"), c.rank()); }

CNNC_OP(WindowSums)
    .doc("The sums of windows of `size` neighbours on `axis`, each of which begins where the one before it ends.")
    .input("X", kFloatTypes)
    .required_attribute("axis", 0)
    .required_attribute("size", 2)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.integer("size") > 0, "size is ", c.integer("size"), ", need 1 or more");
      Type type = c.type();
      Dim& axis = type.dims[static_cast<size_t>(axis_of(c))];
      c.require(!axis.is_const() || axis.value() % c.integer("size") == 0, "the axis has ", axis,
                " elements, which are no windows of ", c.integer("size"));
      axis = Dim::floor_div(axis, c.integer("size"));
      return {type};
    })
    .compute([](const OpContext& c, int) {
      const int axis = axis_of(c);
      const Scalars at = OpContext::indices(c.rank());
      const Scalar first = at[static_cast<size_t>(axis)] * Scalar::i64(c.integer("size"));
      return sum_of(c, {c.integer("size")}, load_for_sum(c, 0, replaced(at, axis, first + Scalar::index(c.rank()))));
    })
    .gradient([](GradientBuilder& g) {
      const OpContext c = g.context();
      g.wrt(0, g.make("Resize", {g.out_grad()},
                      {{"axes", Ints{axis_of(c)}},
                       {"scales", Floats{static_cast<double>(c.integer("size"))}},
                       {"coordinate_transformation_mode", std::string("asymmetric")},
                       {"nearest_mode", std::string("floor")}}));
    })
    .example({random(f32, {2, 6})}, {{"axis", 1}, {"size", 2}})
    .example({random(f64, {6, 5})}, {{"axis", 0}, {"size", 3}})
    .example({random(f16, {1, 4, 2})}, {{"axis", -2}, {"size", 4}});

CNNC_OP(BandedProduct)
    .doc(
        "The rows of X along `axis` times a matrix whose column i is 0 but for weights[i, 0], weights[i, 1], ... in the rows "
        "from starts[i] on, all of which it has: Y[..., i, ...] = sum over t of weights[i, t] X[..., starts[i] + t, ...].")
    .input("X", kFloatTypes)
    .input("starts", {i64}, "")
    .input("weights", kFloatTypes)
    .required_attribute("axis", 0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank(1) == 1 && c.rank(2) == 2, "starts is ", c.type(1), " and weights ", c.type(2),
                ", need 1 and 2 axes");
      require_equal(c, c.dims(2)[0], "the number of rows of weights", c.dims(1)[0], "that of starts");
      Type type = c.type();
      type.dims[static_cast<size_t>(axis_of(c))] = c.dims(1)[0];
      return {type};
    })
    .compute([](const OpContext& c, int) {
      const int axis = axis_of(c);
      const Scalars at = OpContext::indices(c.rank());
      const Scalar here = at[static_cast<size_t>(axis)], tap = Scalar::index(c.rank());
      const Scalar x = load_for_sum(c, 0, replaced(at, axis, c.load(1, {here}) + tap));
      return sum_of(c, {c.dims(2)[1]}, x * load_for_sum(c, 2, {here, tap}));
    })
    .example({random(f32, {2, 5}), given(Tensor::ints({0, 1, 3})), random(f32, {3, 2})}, {{"axis", 1}})
    .example({random(f64, {4, 3}), given(Tensor::ints({1, 0})), random(f64, {2, 3})}, {{"axis", 0}})
    .example({random(bf16, {1, 3, 20}), given(Tensor::ints({2, 0})), random(bf16, {2, 1})}, {{"axis", -2}});

}  // namespace
}  // namespace cnnc

// Gradients of the operators that pick elements.
//
// Each element of the data sums the gradients of all places that picked it: a reduction over the
// indices instead of a scatter, so that the order of the sum does not depend on threads. Where there
// are many indices, passes/linear_scatters.cpp has the gradients written where they go.
#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/indexing.h"

namespace cnnc {
namespace {
using enum DType;

// Whether index tuple entry `place` names `position` on an axis of the data.
Scalar names(const OpContext& c, const Scalars& place, const Dim& size, const Scalar& position) {
  return position_on_axis(c.load(2, place), size) == position;
}

Computation picked_sum(const OpContext& c, Dims reduce, const Scalar& picked, Scalars place) {
  const Scalar dy = load_for_sum(c, 0, std::move(place));
  return sum_of(c, std::move(reduce), select(picked, dy, dy.like(0)));
}

std::vector<Type> data_type(const OpContext& c) { return {c.type(1)}; }

CNNC_OP(GatherGradient)
    .doc("The gradient of Gather with respect to `data`, of which only the shape counts.")
    .input("dY", kFloatTypes)
    .input("data", kFloatTypes)
    .input("indices", kIndexTypes, "Tind")
    .attribute("axis", 0)
    .infer(data_type)
    .compute([](const OpContext& c, int) {
      const int axis = c.axis(c.integer("axis"), c.rank(1));
      const Scalars at = OpContext::indices(c.rank(1));
      const Scalars place = OpContext::indices(c.rank(2), c.rank(1));
      const Scalar& here = at[static_cast<size_t>(axis)];
      Scalars from(at.begin(), at.begin() + axis);
      from.insert(from.end(), place.begin(), place.end());
      from.insert(from.end(), at.begin() + axis + 1, at.end());
      const Scalar picked = names(c, place, c.dims(1)[static_cast<size_t>(axis)], here);
      if (place.empty()) {  // one index: nothing is summed
        Computation result{c.dtype(1), c.dims(1), {}, {}, {}, {}, {}};
        result.value = select(picked, c.load(0, from), Scalar::constant(c.dtype(), 0));
        return result;
      }
      return picked_sum(c, c.dims(2), picked, std::move(from));
    })
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.make("Gather", {g.out_grad(), g.input(2)}, g.node().attributes()));
    })
    .example({random(f32, {3, 2}), random(f32, {5, 2}), given(Tensor::ints({1, -1, 1}))})
    .example({random(f64, {3, 2, 2}), random(f64, {3, 4}),
              given(Tensor::of<int64_t>(i64, {2, 2}, {0, 3, 3, 2}))},
             {{"axis", 1}})
    .example({random(f32, {2}), random(f32, {5, 2}), given(Tensor::scalar(i64, 3))});

CNNC_OP(GatherElementsGradient)
    .doc("The gradient of GatherElements with respect to `data`, of which only the shape counts.")
    .input("dY", kFloatTypes)
    .input("data", kFloatTypes)
    .input("indices", kIndexTypes, "Tind")
    .attribute("axis", 0)
    .infer(data_type)
    .compute([](const OpContext& c, int) {
      const int axis = c.axis(c.integer("axis"), c.rank(1));
      const Scalars at = OpContext::indices(c.rank(1));
      const Scalars place = replaced(at, axis, Scalar::index(c.rank(1)));
      Scalar inside = Scalar::boolean(true);
      for (int a = 0; a < c.rank(1); ++a) {
        const auto i = static_cast<size_t>(a);
        if (a != axis && !(c.dims(1)[i] == c.dims(2)[i]))
          inside = inside && at[i] < Scalar::size(c.dims(2)[i]);
      }
      const auto k = static_cast<size_t>(axis);
      const Scalar picked =
          select(inside, names(c, place, c.dims(1)[k], at[k]), Scalar::boolean(false));
      return picked_sum(c, {c.dims(2)[k]}, picked, place);
    })
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.make("GatherElements", {g.out_grad(), g.input(2)}, g.node().attributes()));
    })
    .example({random(f32, {2, 3}), random(f32, {4, 3}),
              given(Tensor::of<int64_t>(i64, {2, 3}, {0, 1, -1, 0, 3, 2}))})
    .example({random(f64, {2, 2}), random(f64, {3, 4}),
              given(Tensor::of<int64_t>(i64, {2, 2}, {0, 0, 3, 2}))},
             {{"axis", 1}});

CNNC_OP(GatherNDGradient)
    .doc("The gradient of GatherND with respect to `data`, of which only the shape counts.")
    .input("dY", kFloatTypes)
    .input("data", kFloatTypes)
    .input("indices", {i64}, "")
    .attribute("batch_dims", 0)
    .infer([](const OpContext& c) {
      for (size_t a = 0; a < static_cast<size_t>(c.integer("batch_dims")); ++a)
        require_equal(c, c.dims(1)[a], cat("batch axis ", a, " of the data"), c.dims(2)[a],
                      "that of the indices");
      return data_type(c);
    })
    .compute([](const OpContext& c, int) {
      const int64_t tuple = c.dims(2).back().value(), batch = c.integer("batch_dims");
      const Scalars at = OpContext::indices(c.rank(1));
      const int places = c.rank(2) - 1 - static_cast<int>(batch);
      Scalars from(at.begin(), at.begin() + batch);
      for (int i = 0; i < places; ++i) from.push_back(Scalar::index(c.rank(1) + i));
      Scalar picked = Scalar::boolean(true);
      for (int64_t k = 0; k < tuple; ++k) {
        Scalars place = from;
        place.push_back(Scalar::i64(k));
        const auto axis = static_cast<size_t>(batch + k);
        picked = picked && names(c, place, c.dims(1)[axis], at[axis]);
      }
      Dims reduce(c.dims(2).begin() + batch, c.dims(2).end() - 1);
      from.insert(from.end(), at.begin() + batch + tuple, at.end());
      if (reduce.empty()) {
        Computation result{c.dtype(1), c.dims(1), {}, {}, {}, {}, {}};
        result.value = select(picked, c.load(0, from), Scalar::constant(c.dtype(), 0));
        return result;
      }
      return picked_sum(c, std::move(reduce), picked, std::move(from));
    })
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.make("GatherND", {g.out_grad(), g.input(2)}, g.node().attributes()));
    })
    .example({random(f32, {3}), random(f32, {2, 4}),
              given(Tensor::of<int64_t>(i64, {3, 2}, {0, 1, -1, 3, 0, 1}))})
    .example({random(f64, {2, 3}), random(f64, {2, 4, 3}),
              given(Tensor::of<int64_t>(i64, {2, 1}, {3, 0}))},
             {{"batch_dims", 1}});

}  // namespace
}  // namespace cnnc

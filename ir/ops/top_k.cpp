// TopK: every element's rank, then the place of each of the first ranks.
#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/indexing.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

// Whether an element comes before another one: the greater (or lesser) first, NaN counting as the
// greatest, and of equal ones that with the lower index.
Scalar comes_before(const OpContext& c, const Scalar& a, const Scalar& a_place, const Scalar& b,
                    const Scalar& b_place) {
  const bool largest = c.integer("largest") != 0;
  Scalar before = largest ? a > b : a < b, equal = a == b;
  if (is_float(a.dtype())) {
    const Scalar a_nan = is_nan(a), b_nan = is_nan(b);
    before = before || (largest ? a_nan && !b_nan : b_nan && !a_nan);
    equal = equal || (a_nan && b_nan);
  }
  return before || (equal && a_place < b_place);
}

CNNC_OP(SortRank)
    .doc("How many elements of its row on `axis` come before each element when the row is sorted.")
    .input("X", kNumberTypes)
    .attribute("axis", -1)
    .attribute("largest", 1)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.axis(c.integer("axis"), c.rank());
      return {{i64, c.dims()}};
    })
    .compute([](const OpContext& c, int) {
      const int axis = c.axis(c.integer("axis"), c.rank());
      const Scalars at = OpContext::indices(c.rank());
      const Scalar here = at[static_cast<size_t>(axis)], other = Scalar::index(c.rank());
      const Scalar before = comes_before(c, load_for_sum(c, 0, replaced(at, axis, other)), other,
                                         load_for_sum(c, 0, at), here);
      return sum_of(c, {c.dims()[static_cast<size_t>(axis)]}, cast(before, i64));
    })
    .example({random(f32, {2, 5})})
    .example({random(i32, {6, 2}, 0, 3)}, {{"axis", 0}, {"largest", 0}})
    .example({random(f16, {4})});

CNNC_OP(RankPlaces)
    .doc("Where on `axis` the elements with ranks 0, 1, ..., K - 1 are.")
    .input("ranks", {i64}, "")
    .input("K", {i64}, "")
    .attribute("axis", -1)
    .infer([](const OpContext& c) -> std::vector<Type> {
      const auto axis = static_cast<size_t>(c.axis(c.integer("axis"), c.rank()));
      const Dims count = c.need_content(1);
      c.require(count.size() == 1, "K is ", c.type(1), ", need one element");
      const Dim& size = c.dims()[axis];
      if (count[0].is_const() && size.is_const())
        c.require(count[0].value() >= 0 && count[0].value() <= size.value(), "K is ", count[0],
                  ", need 0 to ", size, ", the elements of the axis");
      Type result{i64, c.dims()};
      result.dims[axis] = count[0];
      return {result};
    })
    .compute([](const OpContext& c, int) {
      const int axis = c.axis(c.integer("axis"), c.rank());
      const Scalars at = OpContext::indices(c.rank());
      const Scalar place = Scalar::index(c.rank());
      const Scalar rank = c.load(0, replaced(at, axis, place));
      const Scalar wanted = rank == at[static_cast<size_t>(axis)];
      return sum_of(c, {c.dims()[static_cast<size_t>(axis)]},
                    select(wanted, place, Scalar::i64(0)));
    })
    .example({given(Tensor::ints({2, 0, 3, 1})), given(Tensor::ints({2}))})
    .example({given(Tensor::of<int64_t>(i64, {2, 2}, {1, 0, 0, 1})), given(Tensor::ints({2}))},
             {{"axis", 0}});

CNNC_OP(TopK)
    .doc(
        "The K greatest (or, with largest = 0, least) elements on `axis`, in order, and where they "
        "are. Of equal elements the first comes first.")
    .onnx({1, 10, 11, 24})
    .onnx_upgrade(9, [](OnnxNode& node) { node.attribute_to_input("k", 1); })
    .input("X", kNumberTypes)
    .input("K", {i64}, "")
    .output("Values")
    .output("Indices")
    .attribute("axis", -1)
    .attribute("largest", 1)
    .attribute("sorted", 1)
    .infer([](const OpContext& c) -> std::vector<Type> {
      const auto axis = static_cast<size_t>(c.axis(c.integer("axis"), c.rank()));
      const Dims count = c.need_content(1);
      c.require(count.size() == 1, "K is ", c.type(1), ", need one element");
      Dims dims = c.dims();
      dims[axis] = count[0];
      return {{c.dtype(), dims}, {i64, dims}};
    })
    .decompose([](const Node& n, Graph& g) -> std::vector<Value*> {
      const Attributes axis = {{"axis", n.int_attribute("axis")}};
      Attributes sorting = axis;
      sorting["largest"] = n.int_attribute("largest");
      Value* ranks = g.make("SortRank", {n.input(0)}, sorting);
      Value* places = g.make("RankPlaces", {ranks, n.input(1)}, axis);
      return {g.make("GatherElements", {n.input(0), places}, axis), places};
    })
    .example({random(f32, {3, 5}), given(Tensor::ints({2}))})
    .example({random(f64, {4, 2}), given(Tensor::ints({3}))}, {{"axis", 0}, {"largest", 0}})
    .example({random(u8, {7}, 0, 3), given(Tensor::ints({7}))});

}  // namespace
}  // namespace cnnc

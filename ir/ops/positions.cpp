// Where in the data elements lie that indices name: what ScatterRows takes.
#include "ir/op_def.h"
#include "ir/ops/indexing.h"

namespace cnnc {
namespace {
using enum DType;

CNNC_OP(TuplePositions)
    .doc(
        "The position, in row-major order over the axes [0, batch_dims) and [axis, axis + size of a tuple) of the data, that "
        "each index tuple names; tuples lie on the last axis of the indices, whose first batch_dims axes are the data's. Of "
        "`data` only the shape counts.")
    .input("data", kAnyType)
    .input("indices", kIndexTypes, "Tind")
    .attribute("axis", 0)
    .attribute("batch_dims", 0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank(1) >= 1 && c.dims(1).back().is_const(), "indices are ", c.type(1), ", need a last axis of known size");
      const int64_t tuple = c.dims(1).back().value(), axis = c.integer("axis"), batch = c.integer("batch_dims");
      c.require(batch >= 0 && batch < c.rank(1) && axis >= batch && axis + tuple <= c.rank(), "tuples of ", tuple,
                " from axis ", axis, " after ", batch, " batch axes do not fit data ", c.type());
      return {{i64, Dims(c.dims(1).begin(), c.dims(1).end() - 1)}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const int64_t tuple = c.dims(1).back().value(), axis = c.integer("axis");
      Scalar position = Scalar::i64(0);
      const auto append = [&](const Scalar& i, const Dim& size) { position = position * Scalar::size(size) + i; };
      for (int64_t b = 0; b < c.integer("batch_dims"); ++b) append(at[static_cast<size_t>(b)], c.dims()[static_cast<size_t>(b)]);
      for (int64_t k = 0; k < tuple; ++k) {
        Scalars place = at;
        place.push_back(Scalar::i64(k));
        const Dim& size = c.dims()[static_cast<size_t>(axis + k)];
        append(position_on_axis(c.load(1, place), size), size);
      }
      return position;
    })
    .example({random(f32, {3, 4, 2}), given(Tensor::of<int64_t>(i64, {3, 2}, {0, 1, -1, 3, 2, -2}))})
    .example({random(f32, {2, 4, 3}), given(Tensor::of<int64_t>(i64, {2, 2, 1}, {3, 0, -1, 9}))},
             {{"batch_dims", 1}, {"axis", 1}})
    .example({random(f32, {2, 4, 3}), given(Tensor::of<int32_t>(i32, {3, 1}, {2, 0, -1}))}, {{"axis", 2}});

CNNC_OP(ElementPositions)
    .doc(
        "The position in the data, in row-major order, of the element that GatherElements takes at each place of the indices. "
        "Of `data` only the shape counts.")
    .input("data", kAnyType)
    .input("indices", kIndexTypes, "Tind")
    .attribute("axis", 0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank(0) == c.rank(1), "data ", c.type(0), " and indices ", c.type(1), " need equally many axes");
      c.axis(c.integer("axis"), c.rank());
      return {{i64, c.dims(1)}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const int axis = c.axis(c.integer("axis"), c.rank());
      Scalar position = Scalar::i64(0);
      for (int a = 0; a < c.rank(); ++a) {
        const auto i = static_cast<size_t>(a);
        const Dim& size = c.dims()[i];
        position = position * Scalar::size(size) + (a == axis ? position_on_axis(c.load(1, at), size) : at[i]);
      }
      return position;
    })
    .example({random(f32, {3, 4}), given(Tensor::of<int64_t>(i64, {2, 4}, {0, 1, -1, 2, 2, 0, -3, 1}))})
    .example({random(f32, {3, 4, 2}), given(Tensor::of<int32_t>(i32, {2, 3, 1}, {0, 1, -1, 2, 3, 9}))}, {{"axis", 1}});

}  // namespace
}  // namespace cnnc

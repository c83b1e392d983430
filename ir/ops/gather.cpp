// Operators that pick elements at places that another operand gives.
//
// ONNX leaves indices out of range undefined; here they mean the nearest end of the axis.
#include <algorithm>

#include "ir/gradient.h"
#include "ir/op_def.h"
#include "ir/ops/indexing.h"

namespace cnnc {
namespace {
using enum DType;

CNNC_OP(Gather)
    .doc(
        "Whole slices of the data at the given indices of `axis`; negative indices count from the "
        "end.")
    .onnx({1, 11, 13})
    .input("data")
    .input("indices", kIndexTypes, "Tind")
    .attribute("axis", 0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      const int axis = c.axis(c.integer("axis"), c.rank());
      Type result = c.type();
      result.dims.erase(result.dims.begin() + axis);
      result.dims.insert(result.dims.begin() + axis, c.dims(1).begin(), c.dims(1).end());
      return {result};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const int axis = c.axis(c.integer("axis"), c.rank());
      const auto first = at.begin() + axis, last = first + c.rank(1);
      const Scalar index = c.load(1, Scalars(first, last));
      Scalars source(at.begin(), first);
      source.push_back(position_on_axis(index, c.dims()[static_cast<size_t>(axis)]));
      source.insert(source.end(), last, at.end());
      return c.load(0, source);
    })
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.make("GatherGradient", {g.out_grad(), g.input(0), g.input(1)}, g.node().attributes()));
    })
    .example({random(f32, {5, 4}), given(Tensor::of<int64_t>(i64, {2, 3}, {0, 4, -1, 2, -5, 1}))})
    .example({random(f16, {3, 4, 2}), given(Tensor::of<int32_t>(i32, {2}, {3, -4}))}, {{"axis", 1}})
    .example({random(i64, {3}, 0, 9), given(Tensor::scalar(i64, -2))})
    .example({random(boolean, {3, 4}, 0, 2), given(Tensor::ints({1}))}, {{"axis", -1}})
    .example({random(f4e2m1, {5, 4}, -6, 6), given(Tensor::ints({3, 0, -1}))});

CNNC_OP(GatherElements)
    .doc(
        "Element by element: at each place of the indices, the data's element with that index on "
        "`axis`.")
    .onnx({11, 13})
    .input("data")
    .input("indices", kIndexTypes, "Tind")
    .attribute("axis", 0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank(0) == c.rank(1), "data ", c.type(0), " and indices ", c.type(1),
                " need equally many axes");
      c.axis(c.integer("axis"), c.rank());
      return {{c.dtype(), c.dims(1)}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const int axis = c.axis(c.integer("axis"), c.rank());
      return c.load(
          0,
          replaced(at, axis, position_on_axis(c.load(1, at), c.dims()[static_cast<size_t>(axis)])));
    })
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.make("GatherElementsGradient", {g.out_grad(), g.input(0), g.input(1)}, g.node().attributes()));
    })
    .example({random(f32, {3, 4}), random(i64, {2, 4}, -3, 3)})
    .example({random(i8, {3, 4}, 0, 99), random(i32, {3, 6}, -4, 4)}, {{"axis", 1}});

CNNC_OP(GatherND)
    .doc(
        "Slices of the data at index tuples, which lie on the last axis of the indices; the first "
        "batch_dims axes of "
        "both run together.")
    .onnx({11, 12, 13})
    .input("data")
    .input("indices", {i64}, "")
    .attribute("batch_dims", 0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank(1) >= 1 && c.dims(1).back().is_const(), "indices are ", c.type(1),
                ", need a last axis of known size");
      const int64_t tuple = c.dims(1).back().value(), batch = c.integer("batch_dims");
      c.require(batch >= 0 && batch < c.rank(1) && batch + tuple <= c.rank(0), "index tuples of ",
                tuple, " after ", batch, " batch axes do not fit data ", c.type(0));
      Dims dims(c.dims(1).begin(), c.dims(1).end() - 1);
      dims.insert(dims.end(), c.dims(0).begin() + batch + tuple, c.dims(0).end());
      return {{c.dtype(), dims}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const int64_t tuple = c.dims(1).back().value(), batch = c.integer("batch_dims");
      const auto slice = at.begin() + c.rank(1) - 1;
      Scalars source(at.begin(), at.begin() + batch);
      for (int64_t k = 0; k < tuple; ++k) {
        Scalars place(at.begin(), slice);
        place.push_back(Scalar::i64(k));
        source.push_back(
            position_on_axis(c.load(1, place), c.dims()[static_cast<size_t>(batch + k)]));
      }
      source.insert(source.end(), slice, at.end());
      return c.load(0, source);
    })
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.make("GatherNDGradient", {g.out_grad(), g.input(0), g.input(1)}, g.node().attributes()));
    })
    .example({random(f32, {3, 4, 2}),
              given(Tensor::of<int64_t>(i64, {3, 2}, {0, 1, -1, 3, 2, -2}))})
    .example({random(i32, {3, 4}, 0, 99), given(Tensor::of<int64_t>(i64, {2, 1}, {2, 0}))})
    .example({random(f16, {2, 4, 2}), given(Tensor::of<int64_t>(i64, {2, 1}, {1, -1}))},
             {{"batch_dims", 1}});

Scalar reversed_until(const Scalar& t, const Scalar& length) {
  return select(t < length, length - Scalar::i64(1) - t, t);
}

CNNC_OP(ReverseSequence)
    .doc(
        "The first sequence_lens[i] elements on the time axis of batch entry i in reverse, the "
        "rest as they are.")
    .onnx({10, 28})
    .input("input")
    .input("sequence_lens", {i64}, "")
    .attribute("batch_axis", 1)
    .attribute("time_axis", 0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      const int64_t batch = c.integer("batch_axis"), time = c.integer("time_axis");
      c.require(c.rank() >= 2 && c.rank(1) == 1, "input is ", c.type(), " and sequence_lens ",
                c.type(1), ", need at least 2 axes and 1 axis");
      c.require((batch == 0 && time == 1) || (batch == 1 && time == 0), "batch_axis is ", batch,
                " and time_axis ", time, "; need 0 and 1, or 1 and 0");
      const Dim &lengths = c.dims(1)[0], &entries = c.dims()[static_cast<size_t>(batch)];
      c.require(lengths == entries || !lengths.is_const() || !entries.is_const(), "input is ",
                c.type(), " and sequence_lens ", c.type(1), ", need one length for each of ",
                entries, " batch entries");
      return {c.type()};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const auto batch = static_cast<size_t>(c.integer("batch_axis")),
                 time = static_cast<size_t>(c.integer("time_axis"));
      // Where a run decides whether there are as many lengths as entries, the last one serves the rest.
      const Dim& lengths = c.dims(1)[0];
      const Scalar entry = lengths == c.dims()[batch]
                               ? at[batch]
                               : min(at[batch], Scalar::size(lengths) - Scalar::i64(1));
      const Scalar length = min(c.load(1, {entry}), Scalar::size(c.dims()[time]));
      return c.load(0, replaced(at, static_cast<int>(time), reversed_until(at[time], length)));
    })
    .gradient([](GradientBuilder& g) {
      g.wrt(0, g.make("ReverseSequence", {g.out_grad(), g.input(1)}, g.node().attributes()));
    })
    .example({random(f32, {4, 3}), given(Tensor::ints({4, 2, 1}))})
    .example({random(i32, {3, 4, 2}, 0, 9), given(Tensor::ints({1, 4, 0}))},
             {{"batch_axis", 0}, {"time_axis", 1}});

}  // namespace
}  // namespace cnnc

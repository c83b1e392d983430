// Operators that take a part of each axis.
#include <algorithm>
#include <cstdlib>

#include "ir/gradient.h"
#include "ir/op_def.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/indexing.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

// Every step-th index from start on one axis.
struct AxisSlice {
  Dim start = 0;
  int64_t step = 1;
  Dim count;
};

// From this on a bound means "to the end", whatever the size is.
constexpr int64_t kUnbounded = int64_t{1} << 30;

Dim limited(const Dim& x, const Dim& low, const Dim& high) {
  return Dim::max(low, Dim::min(x, high));
}

// A bound as written: numbers below 0 count from the end. A symbolic bound counts from the end only
// when it is negative for every size, as -n is.
Dim from_start(const Dim& bound, const Dim& size) {
  if (bound.is_const()) {
    if (bound.value() >= kUnbounded) return size;
    if (bound.value() <= -kUnbounded) return -1;
    return bound.value() < 0 ? bound + size : bound;
  }
  const auto high = bound.upper_bound();
  return high && *high <= 0 ? bound + size : bound;
}

AxisSlice slice_of_axis(const Dim& size, const Dim& start, const Dim& end, int64_t step) {
  AxisSlice slice;
  slice.step = step;
  if (step > 0) {
    slice.start = limited(from_start(start, size), 0, size);
    const Dim last = limited(from_start(end, size), 0, size);
    slice.count = Dim::max(0, Dim::ceil_div(last - slice.start, step));
  } else {
    slice.start = limited(from_start(start, size), -1, size - 1);
    const Dim last = limited(from_start(end, size), -1, size - 1);
    slice.count = Dim::max(0, Dim::ceil_div(slice.start - last, -step));
  }
  return slice;
}

// What operands `first`... (starts, ends, axes, steps) take of `data`.
std::vector<AxisSlice> slices(const OpContext& c, const Dims& data, size_t first) {
  const Dims starts = c.need_content(first), ends = c.need_content(first + 1);
  Ints axes;
  for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  if (c.has(first + 2)) axes = c.need_ints(first + 2);
  const Ints steps = c.has(first + 3) ? c.need_ints(first + 3) : Ints(axes.size(), 1);
  c.require(
      ends.size() == starts.size() && axes.size() == starts.size() && steps.size() == starts.size(),
      "has ", starts.size(), " starts, ", ends.size(), " ends, ", axes.size(), " axes and ",
      steps.size(), " steps; need equally many");
  std::vector<AxisSlice> result;
  for (const Dim& size : data) result.push_back({0, 1, size});
  const std::vector<int> positions = c.axes(axes, static_cast<int>(data.size()));
  for (size_t i = 0; i < positions.size(); ++i) {
    c.require(steps[i] != 0, "has the step 0 on axis ", positions[i]);
    const auto a = static_cast<size_t>(positions[i]);
    result[a] = slice_of_axis(data[a], starts[i], ends[i], std::max(steps[i], -kUnbounded));
  }
  return result;
}

std::vector<AxisSlice> slices(const OpContext& c) { return slices(c, c.dims(), 1); }

void legacy_slice(OnnxNode& node) {
  node.attribute_to_input("starts", 1);
  node.attribute_to_input("ends", 2);
  node.attribute_to_input("axes", 3);
}

CNNC_OP(Slice)
    .doc(
        "Every `steps`-th element from `starts` to before `ends` of the given axes; negative "
        "bounds count from the end, "
        "bounds out of range are limited, negative steps go backwards.")
    .onnx({1, 10, 11, 13})
    .onnx_upgrade(9, legacy_slice)
    .input("data")
    .input("starts", kIndexTypes, "Tind")
    .input("ends", kIndexTypes, "Tind")
    .optional_input("axes", kIndexTypes, "Tind")
    .optional_input("steps", kIndexTypes, "Tind")
    .infer([](const OpContext& c) -> std::vector<Type> {
      Type result{c.dtype(), {}};
      for (const AxisSlice& slice : slices(c)) result.dims.push_back(slice.count);
      return {result};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const std::vector<AxisSlice> parts = slices(c);
      Scalars source = at;
      for (size_t a = 0; a < at.size(); ++a)
        source[a] = Scalar::size(parts[a].start) + at[a] * Scalar::i64(parts[a].step);
      return c.load(0, source);
    })
    .gradient([](GradientBuilder& g) {
      std::vector<Value*> operands = g.node().inputs();
      operands[0] = g.out_grad();
      operands.resize(5, nullptr);
      operands.insert(operands.begin() + 1, g.input(0));
      g.wrt(0, g.make("SliceGradient", operands));
    })
    .example({random(f32, {4, 5, 6}), given(Tensor::ints({1, 0})), given(Tensor::ints({3, 4}))})
    .example({random(f32, {4, 5, 6}), given(Tensor::ints({0, 1, -3})),
              given(Tensor::ints({INT64_MAX, -1, 100})), given(Tensor::ints({0, 1, 2})),
              given(Tensor::ints({2, 3, 1}))})
    .example({random(i16, {7}, 0, 99), given(Tensor::ints({-1})), given(Tensor::ints({INT64_MIN})),
              given(Tensor::ints({0})), given(Tensor::ints({-2}))})
    .example({random(f16, {4, 5}), given(Tensor::ints({10})), given(Tensor::ints({2})),
              given(Tensor::ints({-1})), given(Tensor::ints({-1}))})
    .example({random(boolean, {4}, 0, 2), given(Tensor::ints({3})), given(Tensor::ints({1}))})
    .example({random(u2, {7}, 0, 4), given(Tensor::ints({1})), given(Tensor::ints({6}))});

// The element of the slice that lies at each place of the data, where there is one.
Scalar unsliced_element(const OpContext& c, const Scalars& at) {
  const std::vector<AxisSlice> parts = slices(c, c.dims(1), 2);
  Scalars source = at;
  Scalar inside = Scalar::boolean(true);
  for (size_t a = 0; a < at.size(); ++a) {
    const AxisSlice& part = parts[a];
    if (part.step == 1 && part.start == 0 && part.count == c.dims(1)[a]) continue;
    const Scalar distance = part.step > 0 ? at[a] - Scalar::size(part.start)
                                          : Scalar::size(part.start) - at[a];
    const Scalar step = Scalar::i64(std::abs(part.step));
    source[a] = floor_div(distance, step);
    inside = inside && source[a] >= Scalar::i64(0) && source[a] < Scalar::size(part.count);
    if (std::abs(part.step) != 1) inside = inside && rem(distance, step) == Scalar::i64(0);
  }
  return select(inside, c.load(0, source), Scalar::constant(c.dtype(), 0));
}

CNNC_OP(SliceGradient)
    .doc(
        "The gradient of Slice: zeros of the shape of `data`, with the elements of `dY` where "
        "Slice took them. Of `data` only the shape counts.")
    .input("dY")
    .input("data")
    .input("starts", kIndexTypes, "Tind")
    .input("ends", kIndexTypes, "Tind")
    .optional_input("axes", kIndexTypes, "Tind")
    .optional_input("steps", kIndexTypes, "Tind")
    .infer([](const OpContext& c) -> std::vector<Type> {
      Dims taken;
      for (const AxisSlice& part : slices(c, c.dims(1), 2)) taken.push_back(part.count);
      c.require(c.dims() == taken, "dY is ", c.type(), ", need ", Type{c.dtype(), taken});
      return {c.type(1)};
    })
    .indexed(unsliced_element)
    .gradient([](GradientBuilder& g) {
      std::vector<Value*> operands = g.node().inputs();
      operands.erase(operands.begin());
      operands[0] = g.out_grad();
      g.wrt(0, g.make("Slice", operands));
    })
    .example({random(f32, {2, 4, 6}), random(f32, {4, 5, 6}), given(Tensor::ints({1, 0})),
              given(Tensor::ints({3, 4}))})
    .example({random(f64, {2, 4}), random(f64, {5, 4}), given(Tensor::ints({4})),
              given(Tensor::ints({0})), given(Tensor::ints({0})), given(Tensor::ints({-2}))})
    .example({random(f32, {2, 3}), random(f32, {3, 8}), given(Tensor::ints({0, 1})),
              given(Tensor::ints({2, 8})), given(Tensor::ints({0, 1})),
              given(Tensor::ints({1, 3}))});

CNNC_OP(Trilu)
    .doc("The upper (or lower) triangle of the last two axes, from diagonal k on; 0 elsewhere.")
    .onnx({14})
    .input("input")
    .optional_input("k", {i64}, "")
    .attribute("upper", 1)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank() >= 2, "input is ", c.type(), ", need at least 2 axes");
      return {c.type()};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const Scalar k = c.has(1) ? load_single(c, 1) : Scalar::i64(0);
      const Scalar diagonal = at[at.size() - 1] - at[at.size() - 2];
      const Scalar kept = c.integer("upper") ? diagonal >= k : diagonal <= k;
      return select(kept, c.load(0, at), Scalar::constant(c.dtype(), 0));
    })
    .gradient([](GradientBuilder& g) {
      std::vector<Value*> operands = g.node().inputs();
      operands[0] = g.out_grad();
      g.wrt(0, g.make("Trilu", operands, g.node().attributes()));
    })
    .example({random(f32, {3, 4, 5})})
    .example({random(i64, {4, 3}, 1, 9), given(Tensor::scalar(i64, -1))})
    .example({random(f16, {4, 5}), given(Tensor::scalar(i64, 1))}, {{"upper", 0}})
    .example({random(boolean, {4, 4}, 0, 2), given(Tensor::scalar(i64, 9))});

std::vector<int> center_axes(const OpContext& c) {
  if (c.has_attribute("axes")) return c.axes(c.integers("axes"), c.rank());
  std::vector<int> all;
  for (int a = 0; a < c.rank(); ++a) all.push_back(a);
  return all;
}

CNNC_OP(CenterCropPad)
    .doc(
        "The middle of the operand, cut or surrounded with zeros to the given sizes of the given "
        "axes.")
    .onnx({18})
    .input("input_data")
    .input("shape", kIndexTypes, "Tind")
    .optional_attribute("axes", Ints{})
    .infer([](const OpContext& c) -> std::vector<Type> {
      const std::vector<int> axes = center_axes(c);
      const Dims sizes = c.need_content(1);
      c.require(sizes.size() == axes.size(), "shape has ", sizes.size(), " sizes for ", axes.size(),
                " axes");
      Type result = c.type();
      for (size_t i = 0; i < axes.size(); ++i) result.dims[static_cast<size_t>(axes[i])] = sizes[i];
      return {result};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      Scalars source = at;
      Scalar inside = Scalar::boolean(true);
      for (int axis : center_axes(c)) {
        const auto a = static_cast<size_t>(axis);
        const Scalar ours = Scalar::size(c.output_type().dims[a]),
                     theirs = Scalar::size(c.dims()[a]);
        // Truncating division makes both the margin that is cut and the one that is added the
        // smaller half.
        source[a] = at[a] + (theirs - ours) / Scalar::i64(2);
        inside = inside && source[a] >= Scalar::i64(0) && source[a] < theirs;
      }
      return select(inside, c.load(0, source), Scalar::constant(c.dtype(), 0));
    })
    // Both ways have the same margins, so what was cut is padded, and the other way round.
    .gradient([](GradientBuilder& g) {
      std::vector<Value*> sizes;
      for (int axis : center_axes(g.context()))
        sizes.push_back(size_operand(g.graph(), g.input(0), axis));
      Value* shape = g.make("Concat", sizes, {{"axis", int64_t{0}}});
      g.wrt(0, g.make("CenterCropPad", {g.out_grad(), shape}, g.node().attributes()));
    })
    .example({random(f32, {5, 6, 3}), given(Tensor::ints({2, 9, 3}))})
    .example({random(i32, {5, 6}, 0, 9), given(Tensor::ints({8}))}, {{"axes", Ints{-1}}})
    .example({random(f16, {5, 6}), given(Tensor::ints({3, 9}))}, {{"axes", Ints{1, 0}}});

}  // namespace
}  // namespace cnnc

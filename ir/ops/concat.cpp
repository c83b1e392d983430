// Joining along an axis, and taking apart.
#include <numeric>

#include "ir/gradient.h"
#include "ir/op_def.h"
#include "ir/ops/indexing.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

std::vector<Type> concat_type(const OpContext& c) {
  const auto axis = static_cast<size_t>(c.axis(c.integer("axis"), c.rank()));
  Type result = c.type();
  for (size_t i = 1; i < c.input_count(); ++i) {
    c.require(c.rank(i) == c.rank(), "input ", i, " is ", c.type(i), " but input 0 is ", c.type(),
              "; need equal rank");
    for (size_t a = 0; a < result.dims.size(); ++a) {
      const Dim &ours = result.dims[a], &other = c.dims(i)[a];
      if (a == axis) {
        result.dims[a] = ours + other;
      } else {
        c.require(!ours.is_const() || !other.is_const() || ours == other, "input ", i, " is ",
                  c.type(i), " but input 0 is ", c.type(), "; need equal sizes except on axis ",
                  axis);
        if (!ours.is_const()) result.dims[a] = other;
      }
    }
  }
  return {result};
}

// Where each operand begins on the axis, and the end.
Dims concat_offsets(const OpContext& c, size_t axis) {
  Dims offsets{0};
  for (size_t i = 0; i < c.input_count(); ++i) offsets.push_back(offsets.back() + c.dims(i)[axis]);
  return offsets;
}

// Bisects operands [first, last) by where the index falls.
Scalar concat_element(const OpContext& c, const Scalars& at, int axis, const Dims& offsets,
                      size_t first, size_t last) {
  const Scalar& index = at[static_cast<size_t>(axis)];
  if (last - first == 1)
    return c.load(first, replaced(at, axis, index - Scalar::size(offsets[first])));
  const size_t middle = first + (last - first) / 2;
  return select(index < Scalar::size(offsets[middle]),
                concat_element(c, at, axis, offsets, first, middle),
                concat_element(c, at, axis, offsets, middle, last));
}

// The parts of the gradient from which the operands went into the result.
void concat_gradient(GradientBuilder& g) {
  const int64_t axis = g.context().axis(g.node().int_attribute("axis"), g.output()->rank());
  Value* start = g.ints({0});
  for (size_t i = 0; i < g.node().inputs().size(); ++i) {
    Value* size = size_operand(g.graph(), g.input(i), static_cast<int>(axis));
    Value* end = g.add(start, size);
    if (g.wants(i)) g.wrt(i, g.make("Slice", {g.out_grad(), start, end, g.ints({axis})}));
    start = end;
  }
}

CNNC_OP(Concat)
    .doc("The operands one after the other along `axis`.")
    .onnx({1, 4, 11, 13})
    .onnx_upgrade(3, [](OnnxNode& node) { node.attributes.try_emplace("axis", 1); })
    .variadic_input("inputs")
    .required_attribute("axis", 0)
    .infer(concat_type)
    .indexed([](const OpContext& c, const Scalars& at) {
      const int axis = c.axis(c.integer("axis"), c.rank());
      const Dims offsets = concat_offsets(c, static_cast<size_t>(axis));
      return concat_element(c, at, axis, offsets, 0, c.input_count());
    })
    .gradient(concat_gradient)
    .example({random(f32, {2, 3, 4}), random(f32, {2, 1, 4}), random(f32, {2, 2, 4})},
             {{"axis", 1}})
    .example({random(i64, {3}, 0, 9), random(i64, {0}, 0, 9), random(i64, {2}, 0, 9)},
             {{"axis", -1}})
    .example({random(f16, {2, 2})}, {{"axis", 0}})
    .example({random(i4, {2, 2}, -8, 8), random(i4, {1, 2}, -8, 8)}, {{"axis", 0}})
    .example({random(boolean, {1, 2}, 0, 2), random(boolean, {3, 2}, 0, 2)}, {{"axis", 0}});

// Sizes of the parts along the axis: given, or equal ones of which the last may be smaller.
Dims split_sizes(const OpContext& c) {
  const auto axis = static_cast<size_t>(c.axis(c.integer("axis"), c.rank()));
  const Dim& size = c.dims()[axis];
  const auto count = static_cast<int64_t>(c.output_count());
  if (c.has(1)) {
    Dims sizes = c.need_content(1);
    c.require(static_cast<int64_t>(sizes.size()) == count, "split has ", sizes.size(),
              " sizes for ", count, " outputs");
    const Dim total = std::accumulate(sizes.begin(), sizes.end(), Dim(0));
    c.require(!total.is_const() || !size.is_const() || total == size, "the split sizes sum up to ",
              total, ", but axis ", axis, " of ", c.type(), " has size ", size);
    return sizes;
  }
  if (c.has_attribute("num_outputs"))
    c.require(c.integer("num_outputs") == count, "num_outputs is ", c.integer("num_outputs"),
              ", but there are ", count, " outputs");
  const Dim part = Dim::ceil_div(size, count);
  Dims sizes(static_cast<size_t>(count - 1), part);
  sizes.push_back(size - part * (count - 1));
  return sizes;
}

Computation split_part(const OpContext& c, int output) {
  const int axis = c.axis(c.integer("axis"), c.rank());
  const Dims sizes = split_sizes(c);
  Dim offset = 0;
  for (int i = 0; i < output; ++i) offset = offset + sizes[static_cast<size_t>(i)];
  Computation part;
  part.dtype = c.dtype();
  part.space = c.output_type(static_cast<size_t>(output)).dims;
  const Scalars at = OpContext::indices(c.rank());
  part.value = c.load(0, replaced(at, axis, at[static_cast<size_t>(axis)] + Scalar::size(offset)));
  return part;
}

// The parts' gradients side by side, zeros for those that nobody has.
void split_gradient(GradientBuilder& g) {
  std::vector<Value*> parts;
  for (size_t i = 0; i < g.node().output_count(); ++i) {
    Value* part = g.out_grad(i);
    if (part == nullptr)
      part = g.make("Expand", {g.number(0), shape_operand(g.graph(), g.output(i))});
    parts.push_back(part);
  }
  g.wrt(0, g.make("Concat", parts, {{"axis", g.node().int_attribute("axis")}}));
}

CNNC_OP(Split)
    .doc(
        "Parts of the operand along `axis`: of the sizes in `split`, or of equal sizes, the last "
        "one possibly smaller.")
    .onnx({1, 2, 11, 13, 18})
    .onnx_upgrade(12, [](OnnxNode& node) { node.attribute_to_input("split", 1); })
    .input("input")
    .optional_input("split", {i64}, "")
    .attribute("axis", 0)
    .optional_attribute("num_outputs", 0)
    .variadic_output("outputs")
    .infer([](const OpContext& c) {
      const auto axis = static_cast<size_t>(c.axis(c.integer("axis"), c.rank()));
      std::vector<Type> types;
      for (const Dim& size : split_sizes(c)) {
        types.push_back(c.type());
        types.back().dims[axis] = size;
      }
      return types;
    })
    .compute(split_part)
    .gradient(split_gradient)
    .example({random(f32, {6, 2}), absent()}, {}, 3)
    .example({random(f32, {2, 7}), absent()}, {{"axis", 1}, {"num_outputs", 3}}, 3)
    .example({random(i32, {2, 6}, 0, 9), given(Tensor::ints({1, 0, 5}))}, {{"axis", -1}}, 3);

}  // namespace
}  // namespace cnnc

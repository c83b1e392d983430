// Operators that give the same elements another shape.
#include <algorithm>

#include "ir/gradient.h"
#include "ir/op_def.h"
#include "ir/ops/indexing.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

Scalar reshaped_element(const OpContext& c, const Scalars& at) {
  return c.load(0, reshaped_indices(c.output_type().dims, c.dims(), at));
}

// The size that stands for -1: what the other sizes leave of the elements.
Dim remaining_size(const OpContext& c, const Dims& result) {
  const Dim count = product(c.dims()), rest = product(result);
  c.require(!(rest == 0), "cannot tell the size for -1 beside a size of 0");
  const bool divides = !count.is_const() || !rest.is_const() || count.value() % rest.value() == 0;
  c.require(divides, "cannot reshape ", c.type(), " with ", count,
            " elements: the given sizes make ", rest, ", which does not divide them");
  return Dim::floor_div(count, rest);
}

std::vector<Type> reshape_type(const OpContext& c) {
  const Dims wanted = c.need_content(1);
  c.require(c.rank(1) == 1, "shape is ", c.type(1), ", need one axis");
  const bool zero_copies = c.integer("allowzero") == 0;
  Dims result;
  std::optional<size_t> unknown;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == -1) {
      c.require(!unknown, "shape has more than one -1");
      unknown = i;
      result.push_back(1);
    } else if (wanted[i] == 0 && zero_copies) {
      c.require(i < c.dims().size(), "shape has a 0 at axis ", i, ", but ", c.type(),
                " has no such axis to copy");
      result.push_back(c.dims()[i]);
    } else {
      c.require(!wanted[i].is_const() || wanted[i].value() >= 0, "shape has the size ", wanted[i]);
      result.push_back(wanted[i]);
    }
  }
  if (unknown) result[*unknown] = remaining_size(c, result);
  const Dim count = product(c.dims()), got = product(result);
  c.require(!count.is_const() || !got.is_const() || count == got, "cannot reshape ", c.type(),
            " with ", count, " elements to ", Type{c.dtype(), result});
  return {{c.dtype(), result}};
}

CNNC_OP(Reshape)
    .doc(
        "The elements under a given shape. -1 stands for the size that is left; 0 for the input's "
        "size of that axis, "
        "unless allowzero = 1.")
    .onnx({1, 5, 13, 14, 19, 21, 23, 24, 25})
    .onnx_upgrade(4, [](OnnxNode& node) { node.attribute_to_input("shape", 1); })
    .input("data")
    .input("shape", {i64}, "")
    .attribute("allowzero", 0)
    .infer(reshape_type)
    .indexed(reshaped_element)
    .view()
    .gradient([](GradientBuilder& g) { g.wrt(0, g.reshaped_like(g.out_grad(), g.input(0))); })
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({4, -1}))})
    .example({random(f32, {2, 3, 4}), given(Tensor::ints({0, 2, 6}))})
    .example({random(f16, {6, 4}), given(Tensor::ints({2, 3, 1, 2, 2}))})
    .example({random(i64, {1, 1}), given(Tensor::ints({}))})
    .example({random(f8e8m0, {6, 4}, 0, 9), given(Tensor::ints({3, 8}))})
    .example({random(f32, {0, 3}), given(Tensor::ints({3, 0}))}, {{"allowzero", 1}});

CNNC_OP(Flatten)
    .doc("Two axes: the product of the sizes before `axis`, and of the rest.")
    .onnx({1, 9, 11, 13, 21, 23, 24, 25})
    .input("input")
    .attribute("axis", 1)
    .infer([](const OpContext& c) -> std::vector<Type> {
      const int64_t given = c.integer("axis");
      const int axis = given == c.rank() ? c.rank() : c.axis(given, std::max(c.rank(), 1));
      const Dims& dims = c.dims();
      const auto middle = dims.begin() + std::min(axis, c.rank());
      return {
          {c.dtype(), {product(Dims(dims.begin(), middle)), product(Dims(middle, dims.end()))}}};
    })
    .indexed(reshaped_element)
    .view()
    .gradient([](GradientBuilder& g) { g.wrt(0, g.reshaped_like(g.out_grad(), g.input(0))); })
    .example({random(f32, {2, 3, 4})})
    .example({random(f32, {2, 3, 4})}, {{"axis", 0}})
    .example({random(u8, {2, 3, 4}, 0, 9)}, {{"axis", -1}})
    .example({random(f64, {2, 3})}, {{"axis", 2}});

std::vector<int> squeezed_axes(const OpContext& c) {
  if (c.has(1)) return c.axes(c.need_ints(1), c.rank());
  std::vector<int> axes;
  for (int a = 0; a < c.rank(); ++a)
    if (c.dims()[static_cast<size_t>(a)] == 1) axes.push_back(a);
  return axes;
}

CNNC_OP(Squeeze)
    .doc(
        "Takes out the given axes, which have size 1; without axes, all that are known to have it.")
    .onnx({1, 11, 13, 21, 23, 24, 25})
    .onnx_upgrade(12, [](OnnxNode& node) { node.attribute_to_input("axes", 1); })
    .input("data")
    .optional_input("axes", {i64}, "")
    .infer([](const OpContext& c) -> std::vector<Type> {
      Dims dims = c.dims();
      std::vector<int> axes = squeezed_axes(c);
      std::sort(axes.rbegin(), axes.rend());
      for (int a : axes) {
        const Dim& size = dims[static_cast<size_t>(a)];
        c.require(!size.is_const() || size == 1, "axis ", a, " of ", c.type(), " has not size 1");
        dims.erase(dims.begin() + a);
      }
      return {{c.dtype(), dims}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      std::vector<int> axes = squeezed_axes(c);
      std::sort(axes.begin(), axes.end());
      Scalars source = at;
      for (int a : axes) source.insert(source.begin() + a, Scalar::i64(0));
      return c.load(0, source);
    })
    .view()
    .gradient([](GradientBuilder& g) { g.wrt(0, g.reshaped_like(g.out_grad(), g.input(0))); })
    .example({random(f32, {1, 3, 1, 4})})
    .example({random(f32, {1, 3, 1, 4}), given(Tensor::ints({-2}))})
    .example({random(boolean, {1, 1}, 0, 2), given(Tensor::ints({1, 0}))});

std::vector<int> unsqueezed_axes(const OpContext& c) {
  const Ints axes = c.need_ints(1);
  std::vector<int> sorted = c.axes(axes, c.rank() + static_cast<int>(axes.size()));
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

CNNC_OP(Unsqueeze)
    .doc("Puts in axes of size 1; `axes` are their places in the result.")
    .onnx({1, 11, 13, 21, 23, 24, 25})
    .onnx_upgrade(12, [](OnnxNode& node) { node.attribute_to_input("axes", 1); })
    .input("data")
    .input("axes", {i64}, "")
    .infer([](const OpContext& c) -> std::vector<Type> {
      Dims dims = c.dims();
      for (int a : unsqueezed_axes(c)) dims.insert(dims.begin() + a, 1);
      return {{c.dtype(), dims}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      Scalars source = at;
      const std::vector<int> axes = unsqueezed_axes(c);
      for (auto a = axes.rbegin(); a != axes.rend(); ++a) source.erase(source.begin() + *a);
      return c.load(0, source);
    })
    .view()
    .gradient([](GradientBuilder& g) { g.wrt(0, g.reshaped_like(g.out_grad(), g.input(0))); })
    .example({random(f32, {3, 4}), given(Tensor::ints({0}))})
    .example({random(f32, {3, 4}), given(Tensor::ints({-1, 1}))})
    .example({random(i32, {}, 0, 9), given(Tensor::ints({0, 1}))});

}  // namespace
}  // namespace cnnc

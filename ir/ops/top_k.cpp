// TopK: the places of the first elements, and what is there.
#include <algorithm>
#include <cstddef>

#include "ir/op_def.h"
#include "ir/ops/onnx_history.h"
#include "runtime/sorted_places.h"

namespace cnnc {
namespace {
using enum DType;

// The type of places of the first K elements of an axis.
Type places_type(const OpContext& c, size_t axis) {
  const Dims count = c.need_content(1);
  c.require(count.size() == 1, "K is ", c.type(1), ", need one element");
  const Dim& size = c.dims()[axis];
  if (count[0].is_const() && size.is_const())
    c.require(count[0].value() >= 0 && count[0].value() <= size.value(), "K is ", count[0], ", need 0 to ", size,
              ", the elements of the axis");
  Type type{i64, c.dims()};
  type.dims[axis] = count[0];
  return type;
}

std::vector<Tensor> sorted_places(const Node& node, const std::vector<const Tensor*>& operands) {
  const Tensor& x = *operands[0];
  const int64_t size = x.shape().back(), count = operands[1]->as_int(0);
  Shape shape = x.shape();
  shape.back() = count;
  Tensor places(i64, shape);
  if (places.size() == 0) return {places};
  const int64_t entries = std::min(size, kSortedPlacesRoom + 2 * count);
  std::vector<std::max_align_t> scratch(static_cast<size_t>(entries) * kSortedPlaceBytes / sizeof(std::max_align_t) + 1);
  cnnc_sorted_places(static_cast<int32_t>(x.dtype()), static_cast<int32_t>(node.int_attribute("largest")), x.raw(),
                     places.mutable_data<int64_t>(), size, count, 0, x.size() / size, scratch.data());
  return {places};
}

CNNC_OP(SortedPlaces)
    .doc(
        "Where on the last axis the first K elements are when it is sorted: the greatest (or, with largest = 0, the least) "
        "first, NaN counting as the greatest, and of equal ones that with the lower index. TopK becomes this. The work is "
        "proportional to the elements, and to K log K.")
    .input("X", kNumberTypes)
    .input("K", {i64}, "")
    .attribute("largest", 1)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank() > 0, "X has no axis");
      return {places_type(c, static_cast<size_t>(c.rank()) - 1)};
    })
    .kernel(sorted_places)
    .example({random(f32, {2, 5}), given(Tensor::ints({3}))})
    .example({random(i32, {2, 6}, 0, 3), given(Tensor::ints({6}))}, {{"largest", 0}})
    .example({random(f64, {2, 3, 100}), given(Tensor::ints({2}))})
    .example({random(f16, {4}), given(Tensor::ints({1}))})
    .example({random(u64, {3, 4}, 0, 3), given(Tensor::ints({0}))});

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
      const Type places = places_type(c, static_cast<size_t>(c.axis(c.integer("axis"), c.rank())));
      return {{c.dtype(), places.dims}, places};
    })
    .decompose([](const Node& n, Graph& g) -> std::vector<Value*> {
      const int64_t axis = OpContext(n).axis(n.int_attribute("axis"), n.input(0)->rank()), last = n.input(0)->rank() - 1;
      Ints perm;
      for (int64_t a = 0; a <= last; ++a) perm.push_back(a == axis ? last : a == last ? axis : a);
      const auto swapped = [&](Value* x) { return axis == last ? x : g.make("Transpose", {x}, {{"perm", perm}}); };
      Value* places = swapped(
          g.make("SortedPlaces", {swapped(n.input(0)), n.input(1)}, {{"largest", n.int_attribute("largest")}}));
      return {g.make("GatherElements", {n.input(0), places}, {{"axis", axis}}), places};
    })
    .example({random(f32, {3, 5}), given(Tensor::ints({2}))})
    .example({random(f64, {4, 2}), given(Tensor::ints({3}))}, {{"axis", 0}, {"largest", 0}})
    .example({random(f32, {2, 70, 3}), given(Tensor::ints({4}))}, {{"axis", 1}})
    .example({random(u8, {7}, 0, 3), given(Tensor::ints({7}))});

}  // namespace
}  // namespace cnnc

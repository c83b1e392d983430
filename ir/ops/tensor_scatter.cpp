// TensorScatter: keys and values of new tokens written into a cache.
#include <algorithm>

#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/indexing.h"

namespace cnnc {
namespace {
using enum DType;

bool is_circular(const OpContext& c) { return c.text("mode") == "circular"; }

// Where on the axis the update of this batch entry begins.
Scalar first_place(const OpContext& c) {
  if (!c.has(2)) return Scalar::i64(0);
  return cast(c.load(2, {Scalar::index(0)}), i64);
}

std::vector<Type> tensor_scatter_type(const OpContext& c) {
  const int axis = c.axis(c.integer("axis"), c.rank());
  const std::string& mode = c.text("mode");
  c.require(mode == "linear" || mode == "circular", "mode is ", quoted(mode),
            ", need linear or circular");
  c.require(axis > 0, "axis is ", axis, ", which is the batch");
  c.require(c.rank(0) == c.rank(1), "the cache is ", c.type(0), " and the update ", c.type(1),
            ", need equally many axes");
  for (int a = 0; a < c.rank(); ++a)
    if (a != axis)
      require_equal(c, c.dims(0)[static_cast<size_t>(a)], cat("axis ", a, " of the cache"),
                    c.dims(1)[static_cast<size_t>(a)], "that of the update");
  if (c.has(2)) {
    c.require(c.rank(2) == 1, "write_indices are ", c.type(2), ", need one axis");
    require_equal(c, c.dims(2)[0], "the number of write_indices", c.dims()[0], "the batch");
  }
  return {c.type()};
}

// The places of the update on the cache's axis, in the shape of the update.
Value* update_places(const GradientBuilder& g, int axis) {
  Value *cache = g.input(0), *update = g.input(1);
  const auto number = [&](double n) { return g.graph().constant(Tensor::scalar(i64, n)); };
  const auto size = [&](Value* x) { return g.make("Squeeze", {size_operand(g.graph(), x, axis)}); };
  Value* places = g.make("Range", {number(0), size(update), number(1)});
  Ints behind, others;
  for (int64_t a = 1; a < update->rank() - axis; ++a) behind.push_back(a);
  if (!behind.empty()) places = g.make("Unsqueeze", {places, g.ints(behind)});
  if (Value* first = g.input(2)) {
    for (int64_t a = 1; a < update->rank(); ++a) others.push_back(a);
    places = g.add(g.make("Unsqueeze", {first, g.ints(others)}), places);
  }
  if (is_circular(g.context())) places = g.make("Mod", {places, size(cache)});
  return g.make("Expand", {places, shape_operand(g.graph(), update)});
}

CNNC_OP(TensorScatter)
    .doc(
        "The cache with the update written on `axis`, for each batch entry from its write index "
        "on; mode circular goes on at the beginning behind the end.")
    .onnx({24})
    .input("past_cache")
    .input("update")
    .optional_input("write_indices", {i64}, "")
    .output("present_cache")
    .attribute("axis", -2)
    .attribute("mode", "linear")
    .infer(tensor_scatter_type)
    .indexed([](const OpContext& c, const Scalars& at) {
      const int axis = c.axis(c.integer("axis"), c.rank());
      const auto a = static_cast<size_t>(axis);
      Scalar place = at[a] - first_place(c);
      if (is_circular(c)) place = wrapped(place, Scalar::size(c.dims()[a]));
      const Scalar written = place >= Scalar::i64(0) && place < Scalar::size(c.dims(1)[a]);
      return select(written, c.load(1, replaced(at, axis, place)), c.load(0, at));
    })
    .gradient([](GradientBuilder& g) {
      const int axis = g.context().axis(g.node().int_attribute("axis"), g.input(0)->rank());
      if (g.wants(0)) {
        Value* zeros = g.make("Expand", {g.number(0), shape_operand(g.graph(), g.input(1))});
        g.wrt(0, g.make("TensorScatter", {g.out_grad(), zeros, g.input(2)}, g.node().attributes()));
      }
      if (g.wants(1))
        g.wrt(1, g.make("GatherElements", {g.out_grad(), update_places(g, axis)},
                        {{"axis", int64_t{axis}}}));
    })
    .example({random(f32, {2, 4, 3}), random(f32, {2, 2, 3}), given(Tensor::ints({1, 2}))})
    .example({random(f64, {2, 2, 5, 3}), random(f64, {2, 2, 2, 3}), given(Tensor::ints({4, 0}))},
             {{"mode", "circular"}})
    .example({random(f64, {1, 4}), random(f64, {1, 2})}, {{"axis", 1}});

}  // namespace
}  // namespace cnnc

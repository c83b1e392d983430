// Operators that write updates at places that indices give.
//
// Each element of the result looks for the updates that go to it: a reduction over the indices
// instead of a scatter, so that the order in which equal places are combined does not depend on
// threads. Without a reduction the last update of a place counts. Where there are many indices,
// passes/linear_scatters.cpp has the updates written where they go.
#include <algorithm>

#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/indexing.h"
#include "ir/ops/limits.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

bool has_reduction(const OpContext& c, const char* name) { return c.text("reduction") == name; }

void check_reduction(const OpContext& c) {
  const std::string& reduction = c.text("reduction");
  c.require(reduction == "none" || reduction == "add" || reduction == "mul" || reduction == "max" ||
                reduction == "min",
            "reduction is ", quoted(reduction), ", need none, add, mul, max or min");
  const bool number = std::count(kNumberTypes.begin(), kNumberTypes.end(), c.dtype()) != 0;
  c.require(reduction == "none" || number, "reduction ", quoted(reduction), " takes numbers, not ",
            name_of(c.dtype()));
}

Scalar neutral(const OpContext& c, DType type) {
  if (has_reduction(c, "max")) return lowest(type);
  if (has_reduction(c, "min")) return highest(type);
  return Scalar::constant(type, has_reduction(c, "mul") ? 1 : 0);
}

Scalar combined(const OpContext& c, const Scalar& a, const Scalar& b) {
  if (has_reduction(c, "add")) return a + b;
  if (has_reduction(c, "mul")) return a * b;
  return has_reduction(c, "max") ? max(a, b) : min(a, b);
}

// The data's element at the output's place, replaced by or combined with the updates for which
// `picked` holds.
Computation scattered(const OpContext& c, Dims reduce, const Scalar& picked, Scalars update_at) {
  const bool replaces = has_reduction(c, "none");
  const DType type = replaces ? c.dtype() : sum_dtype(c.dtype());
  Computation result;
  result.dtype = c.dtype();
  result.space = c.dims();
  result.reduce = std::move(reduce);
  const Scalar update = cast(c.load(2, std::move(update_at)), type);
  const Scalar data = cast(c.load(0, OpContext::indices(c.rank())), type);
  const Scalar so_far = Scalar::param(0, type);
  if (replaces) {
    const Scalar found = Scalar::param(1, boolean), finds = Scalar::param(3, boolean);
    result.elements = {select(picked, update, data), picked};
    result.init = {data, Scalar::boolean(false)};
    result.combine = {select(finds, Scalar::param(2, type), so_far), found || finds};
    result.value = so_far;
    return result;
  }
  result.elements = {select(picked, update, neutral(c, type))};
  result.init = {neutral(c, type)};
  result.combine = {combined(c, so_far, Scalar::param(1, type))};
  result.value = cast(combined(c, data, so_far), c.dtype());
  return result;
}

// ---- gradients

// What differs between the two operators: how elements are picked at the indices.
struct Picking {
  const char* gather;
  const char* scatter;
  Attributes attributes;  // of the gather
};

Value* gathered(const GradientBuilder& g, const Picking& p, Value* x) {
  return g.make(p.gather, {x, g.input(1)}, p.attributes);
}

Value* scattered_into(const GradientBuilder& g, const Picking& p, Value* data, Value* updates,
                      const char* reduction) {
  Attributes attributes = p.attributes;
  attributes["reduction"] = std::string(reduction);
  return g.make(p.scatter, {data, g.input(1), updates}, attributes);
}

Value* filled_like(const GradientBuilder& g, Value* x, double number) {
  return g.make("Expand", {g.number(number), shape_operand(g.graph(), x)});
}

// The greatest (or least) of data and updates gets the gradient; equal ones share it.
void extreme_gradient(GradientBuilder& g, const Picking& p) {
  const DType type = g.out_grad()->dtype();
  const auto wins = [&](Value* x, Value* result) {
    return converted(g.graph(), g.make("Equal", {x, result}), type);
  };
  Value* data_wins = wins(g.input(0), g.output());
  Value* update_wins = wins(g.input(2), gathered(g, p, g.output()));
  Value* winners = scattered_into(g, p, data_wins, update_wins, "add");
  Value* share = g.div(g.out_grad(), g.make("Max", {winners, g.number(1)}));
  if (g.wants(0)) g.wrt(0, g.mul(share, data_wins));
  if (g.wants(2)) g.wrt(2, g.mul(gathered(g, p, share), update_wins));
}

void scatter_gradient(GradientBuilder& g, const Picking& p) {
  const std::string& reduction = g.node().string_attribute("reduction");
  if (reduction == "max" || reduction == "min") return extreme_gradient(g, p);
  Value* dy = g.out_grad();
  if (g.wants(0)) {
    Value *ones = filled_like(g, g.input(0), 1), *dx = dy;
    if (reduction == "none")
      dx = g.mul(dy, scattered_into(g, p, ones, filled_like(g, g.input(2), 0), "none"));
    if (reduction == "mul") dx = g.mul(dy, scattered_into(g, p, ones, g.input(2), "mul"));
    g.wrt(0, dx);
  }
  if (!g.wants(2)) return;
  if (reduction == "mul") return g.wrt(2, g.div(gathered(g, p, g.mul(dy, g.output())), g.input(2)));
  g.wrt(2, gathered(g, p, dy));
}

// ---- ScatterElements

Computation scatter_elements(const OpContext& c, int) {
  const int axis = c.axis(c.integer("axis"), c.rank());
  const Scalars at = OpContext::indices(c.rank());
  const Scalars place = replaced(at, axis, Scalar::index(c.rank()));
  Scalar inside = Scalar::boolean(true);
  for (int a = 0; a < c.rank(); ++a) {
    const auto i = static_cast<size_t>(a);
    if (a != axis && !(c.dims()[i] == c.dims(1)[i]))
      inside = inside && at[i] < Scalar::size(c.dims(1)[i]);
  }
  const auto k = static_cast<size_t>(axis);
  const Scalar named = position_on_axis(c.load(1, place), c.dims()[k]) == at[k];
  return scattered(c, {c.dims(1)[k]}, select(inside, named, Scalar::boolean(false)), place);
}

CNNC_OP(ScatterElements)
    .doc(
        "The data with each update put in its place: that of the index on `axis`, and its own on "
        "the other axes. reduction: what becomes of the element there (none: it is replaced).")
    .onnx({11, 13, 16, 18})
    .input("data")
    .input("indices", kIndexTypes, "Tind")
    .input("updates")
    .attribute("axis", 0)
    .attribute("reduction", "none")
    .infer([](const OpContext& c) -> std::vector<Type> {
      check_reduction(c);
      c.axis(c.integer("axis"), c.rank());
      c.require(c.rank(0) == c.rank(1) && c.dims(1) == c.dims(2), "data is ", c.type(0),
                ", indices ", c.type(1), " and updates ", c.type(2),
                "; need equally many axes, and as many updates as indices");
      return {c.type()};
    })
    .compute(scatter_elements)
    .gradient([](GradientBuilder& g) {
      const Attributes axis = {{"axis", g.node().int_attribute("axis")}};
      scatter_gradient(g, {"GatherElements", "ScatterElements", axis});
    })
    .example({random(f32, {3, 4}), given(Tensor::of<int64_t>(i64, {2, 3}, {0, -1, 1, 2, 0, 0})),
              random(f32, {2, 3})})
    .example({random(f64, {3, 4}), given(Tensor::of<int64_t>(i64, {3, 2}, {0, 3, 1, 1, -2, 0})),
              random(f64, {3, 2})},
             {{"axis", 1}, {"reduction", "add"}})
    .example({random(f64, {5}), given(Tensor::of<int32_t>(i32, {3}, {4, 0, 4})),
              random(f64, {3}, 0.5, 2)},
             {{"reduction", "mul"}})
    .example({random(f64, {4, 2}), given(Tensor::of<int64_t>(i64, {2, 2}, {3, 1, 3, 0})),
              random(f64, {2, 2})},
             {{"reduction", "max"}})
    .example({random(i32, {4}, 0, 9), given(Tensor::ints({1, 1})), random(i32, {2}, -9, 9)},
             {{"reduction", "min"}})
    .example({random(f16, {4}), given(Tensor::ints({2, 2})), random(f16, {2})},
             {{"reduction", "add"}})
    .example({random(boolean, {2, 2}, 0, 2), given(Tensor::of<int64_t>(i64, {1, 2}, {1, 0})),
              random(boolean, {1, 2}, 0, 2)});

CNNC_OP(Scatter)
    .doc("ScatterElements without a reduction, by its older name.")
    .onnx({9, 11})
    .onnx_upgrade(kEveryOpset,
                  [](OnnxNode& n) {
                    n.op = "ScatterElements";
                    n.opset = 11;
                  })
    .input("data")
    .input("indices", kIndexTypes, "Tind")
    .input("updates")
    .attribute("axis", 0)
    .infer([](const OpContext& c) -> std::vector<Type> { return {c.type()}; })
    .decompose([](const Node& n, Graph& g) -> std::vector<Value*> {
      return {g.make("ScatterElements", n.inputs(), n.attributes())};
    })
    .example({random(f32, {3}), given(Tensor::ints({2, 0})), random(f32, {2})});

// ---- ScatterND

Computation scatter_nd(const OpContext& c, int) {
  const int64_t tuple = c.dims(1).back().value();
  const Scalars at = OpContext::indices(c.rank());
  Scalars place;
  for (int i = 0; i < c.rank(1) - 1; ++i) place.push_back(Scalar::index(c.rank() + i));
  Scalar picked = Scalar::boolean(true);
  for (int64_t k = 0; k < tuple; ++k) {
    Scalars entry = place;
    entry.push_back(Scalar::i64(k));
    const auto axis = static_cast<size_t>(k);
    picked = picked && position_on_axis(c.load(1, entry), c.dims()[axis]) == at[axis];
  }
  Dims reduce(c.dims(1).begin(), c.dims(1).end() - 1);
  if (reduce.empty()) reduce = {1};
  place.insert(place.end(), at.begin() + tuple, at.end());
  return scattered(c, std::move(reduce), picked, std::move(place));
}

CNNC_OP(ScatterND)
    .doc(
        "The data with slices replaced by updates, or combined with them as `reduction` says, at "
        "index tuples, which lie on the last axis of the indices.")
    .onnx({11, 13, 16, 18})
    .input("data")
    .input("indices", {i64}, "")
    .input("updates")
    .attribute("reduction", "none")
    .infer([](const OpContext& c) -> std::vector<Type> {
      check_reduction(c);
      c.require(
          c.rank(1) >= 1 && c.dims(1).back().is_const() && c.dims(1).back().value() <= c.rank(),
          "indices are ", c.type(1), ", need a last axis of known size, at most ", c.rank());
      Dims updates(c.dims(1).begin(), c.dims(1).end() - 1);
      updates.insert(updates.end(), c.dims().begin() + c.dims(1).back().value(), c.dims().end());
      c.require(c.dims(2) == updates, "updates are ", c.type(2), ", need ",
                Type{c.dtype(), updates});
      return {c.type()};
    })
    .compute(scatter_nd)
    .gradient([](GradientBuilder& g) {
      scatter_gradient(g, {"GatherND", "ScatterND", {}});
    })
    .example({random(f32, {4, 3}), given(Tensor::of<int64_t>(i64, {2, 1}, {-1, 1})),
              random(f32, {2, 3})})
    .example({random(f64, {3, 4}), given(Tensor::of<int64_t>(i64, {3, 2}, {0, 1, 2, 3, 1, 0})),
              random(f64, {3})})
    .example({random(f64, {3, 2}), given(Tensor::of<int64_t>(i64, {2, 1}, {1, 1})),
              random(f64, {2, 2}, 0.5, 2)},
             {{"reduction", "mul"}})
    .example({random(f64, {3, 2}), given(Tensor::of<int64_t>(i64, {2, 1}, {1, 1})),
              random(f64, {2, 2})},
             {{"reduction", "min"}})
    .example({random(f64, {3}), given(Tensor::ints({2})), random(f64, {})}, {{"reduction", "add"}});

}  // namespace
}  // namespace cnnc

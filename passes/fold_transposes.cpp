// Transposes that merge, cancel or vanish in what uses them.
#include <algorithm>

#include "ir/op_def.h"
#include "passes/passes.h"
#include "passes/permutation.h"

namespace cnnc {
namespace {

bool moves_nothing(const Node& transpose) { return is_identity(permutation_of(transpose)); }

Rewrite drop_identity() {
  return {"drop-identity-transpose", "Transpose(x, identity) -> x",
          op("Transpose", {any("x")}).where(moves_nothing, "it moves axes"),
          [](const Match& m, Graph&) { return m["x"]; }};
}

Rewrite merge_pairs() {
  return {"merge-transposes", "Transpose(Transpose(x, p), q) -> Transpose(x, p then q)",
          op("Transpose", {op("Transpose", {any("x")}).bind("inner")}).bind("outer"),
          [](const Match& m, Graph& g) {
            return transposed(g, m["inner"], permutation_of(m.node("outer")));
          }};
}

Rewrite shape_of_transpose() {
  return {"shape-of-transpose", "Shape(Transpose(x, p)) -> Gather(Shape(x), p)",
          op("Shape", {op("Transpose", {any("x")}).bind("transpose")}).bind("shape"),
          [](const Match& m, Graph& g) {
            const OpContext c(m.node("shape"));
            const int64_t rank = m["x"]->rank(), count = m["shape"]->dim(0).value();
            int64_t start = c.integer("start");
            start = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
            const Permutation perm = permutation_of(m.node("transpose"));
            const Ints axes(perm.begin() + start, perm.begin() + start + count);
            return g.make("Gather", {g.make("Shape", {m["x"]}), g.constant(Tensor::ints(axes))});
          }};
}

// ---- transposed images that a dense layer reads as rows

// [N, a, b, ...] to [N, a * b * ...]: the axes that a permutation may mix, all of known size.
bool flattens_rows(const Node& view) {
  const Dims &from = view.input(0)->type().dims, &to = view.output()->type().dims;
  if (to.size() != 2 || from.size() < 3 || !(from[0] == to[0]) || !to[1].is_const()) return false;
  for (size_t a = 1; a < from.size(); ++a)
    if (!from[a].is_const() || from[a] == 0) return false;
  return true;
}

Pattern flattened_transpose() {
  const Pattern transpose = op("Transpose", {any("x")})
                                .bind("transpose")
                                .where([](const Node& t) { return permutation_of(t)[0] == 0; },
                                       "it moves the first axis");
  return one_of({"Flatten"}, {transpose})
      .bind("rows")
      .where(flattens_rows, "it does not make rows of known length");
}

Pattern reshaped_transpose() {
  const Pattern transpose = op("Transpose", {any("x")})
                                .bind("transpose")
                                .where([](const Node& t) { return permutation_of(t)[0] == 0; },
                                       "it moves the first axis");
  return op("Reshape", {transpose, any("sizes")})
      .bind("rows")
      .where(flattens_rows, "it does not make rows of known length");
}

// Weights [..., K, ...] whose axis `axis` has the elements of the rows in the transposed order, put
// in the order of x.
Value* reordered(Graph& g, Value* weights, int axis, const Dims& image, const Permutation& perm) {
  Ints sizes, order;
  const auto parts = static_cast<int64_t>(image.size()) - 1;
  const Permutation back = inverse(perm);
  for (int a = 0; a < weights->rank(); ++a) {
    if (a != axis) {
      order.push_back(static_cast<int64_t>(a < axis ? a : a + parts - 1));
      sizes.push_back(weights->dim(a).value());
      continue;
    }
    for (int64_t k = 1; k <= parts; ++k) {
      sizes.push_back(image[static_cast<size_t>(k)].value());
      order.push_back(axis + back[static_cast<size_t>(k)] - 1);
    }
  }
  Value* split = g.make("Reshape", {weights, g.constant(Tensor::ints(sizes))});
  Value* moved = g.make("Transpose", {split}, {{"perm", order}});
  return g.make("Reshape", {moved, g.constant(Tensor::ints(weights->type().shape()))});
}

Replacement dense_on_image(const Match& m, Graph& g) {
  const Node& root = m.root();
  const int weights_axis = root.int_attribute("transB") ? 1 : 0;
  Value* x = m["x"];
  const Value* image = m["transpose"];
  const int64_t length = m["rows"]->dim(1).value();
  Value* rows = g.make("Reshape", {x, g.constant(Tensor::ints({0, length}))});
  std::vector<Value*> operands = root.inputs();
  operands[0] = rows;
  operands[1] = reordered(g, m["weights"], weights_axis, image->type().dims,
                          permutation_of(m.node("transpose")));
  return g.make(root.op_name(), operands, root.attributes());
}

bool is_matrix(const Value& weights) {
  return weights.rank() == 2 && !(weights.dim(0) == 0) && !(weights.dim(1) == 0);
}
bool reads_rows(const Node& product) {
  return product.int_attribute("transA") == 0 && !product.attribute("weight_shape");
}

std::vector<Rewrite> dense_rewrites() {
  std::vector<Rewrite> rewrites;
  for (const auto& [name, rows] : {std::pair{"flattened", flattened_transpose()},
                                   std::pair{"reshaped", reshaped_transpose()}}) {
    const Pattern weights =
        constant("weights").where(is_matrix, "the weights are no matrix or have no elements");
    const std::string prefix = std::string("fold-") + name + "-transpose-into-";
    const std::string doc =
        "(rows(Transpose(x)), w) -> (rows(x), w with its rows in the order of x)";
    const char* why_not = "operand A is transposed, or the weights are packed";
    rewrites.push_back({prefix + "matmul", "MatMul" + doc,
                        op("MatMul", {rows, weights}).where(reads_rows, why_not), dense_on_image});
    rewrites.push_back({prefix + "gemm", "Gemm" + doc,
                        op("Gemm", {rows, weights, optional("bias")}).where(reads_rows, why_not),
                        dense_on_image});
  }
  return rewrites;
}

}  // namespace

std::vector<Rewrite> transpose_rewrites() {
  std::vector<Rewrite> rewrites = {drop_identity(), merge_pairs(), shape_of_transpose()};
  for (Rewrite& rewrite : dense_rewrites()) rewrites.push_back(std::move(rewrite));
  return rewrites;
}

Pass fold_transposes() {
  return {"fold-transposes",
          "Merges, cancels and drops Transposes, and folds them into the weights of dense layers.",
          nullptr, [](const Target&) { return transpose_rewrites(); }};
}

// ---- views

static bool moves_unit_axes_only(const Node& transpose) {
  const Dims& dims = transpose.input(0)->type().dims;
  return keeps_element_order(dims, permutation_of(transpose)) &&
         reshape_operand(dims, transpose.output()->type().dims).has_value();
}

Pass transposes_to_views() {
  const Rewrite rewrite{
      "transpose-to-reshape", "Transpose(x, p that moves axes of size 1 only) -> Reshape(x)",
      op("Transpose", {any("x")})
          .where(moves_unit_axes_only, "elements change places, or more than one size is symbolic"),
      [](const Match& m, Graph& g) {
        const Ints sizes = *reshape_operand(m["x"]->type().dims, m.root().output()->type().dims);
        return g.make("Reshape", {m["x"], g.constant(Tensor::ints(sizes))});
      }};
  return {"transposes-to-views",
          "Makes a Reshape of each Transpose that leaves the elements in order.", nullptr,
          [rewrite](const Target&) { return std::vector<Rewrite>{rewrite}; }};
}

}  // namespace cnnc

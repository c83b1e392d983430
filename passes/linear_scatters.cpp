// Scatters and the gradients of gathers as ScatterRows.
//
// As they are declared, each element of the result looks through all indices for what goes to it: the order of sums does not
// depend on threads then, and with few indices nothing is faster. The work is the product of the numbers of elements and of
// indices, however, and here it becomes their sum.
#include "ir/gradient.h"
#include "ir/op_def.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/scatter_rows.h"
#include "passes/passes.h"

namespace cnnc {

namespace {

// With fewer indices the search is as fast.
constexpr int64_t kFewIndices = 8;

// Which operands of a node are what.
struct Scatter {
  const Node& node;
  bool is_gradient;  // (dY, data, indices), a sum into zeros; else (data, indices, updates)

  Value* data() const { return node.input(is_gradient ? 1 : 0); }
  Value* indices() const { return node.input(is_gradient ? 2 : 1); }
  Value* updates() const { return node.input(is_gradient ? 0 : 2); }
  std::string reduction() const { return is_gradient ? "add" : node.string_attribute("reduction"); }
  int64_t attribute(const char* name) const { return node.attribute(name) ? node.int_attribute(name) : 0; }
};

Scatter scatter_of(const Node& node) {
  return {node, node.op_name().find("Gradient") != std::string::npos};
}

// What the elements are combined in: 16-bit floats and short integers in wider ones.
DType wide_type(DType type, const std::string& reduction) {
  if (reduction == "none" || can_scatter(static_cast<int32_t>(type), scatter_reduction(reduction))) return type;
  if (is_float(type)) return is_narrow(type) ? type : DType::f32;
  return is_int(type) && type != DType::u64 ? DType::i64 : type;
}

// [1, channels, rows, inner] of the data, the last three of which stand for consecutive axes of it.
struct Rows {
  Dim channels = 1, rows = 1, inner = 1;

  // At most one can be left to Reshape.
  bool is_plain() const {
    return !channels.is_const() + !rows.is_const() + !inner.is_const() <= 1;
  }
};

Dim product_of(const Dims& dims, int64_t begin, int64_t end) {
  return product(Dims(dims.begin() + begin, dims.begin() + end));
}

int64_t tuple_of(const Scatter& s) { return s.indices()->type().dims.back().value(); }

Rows rows_of(const Scatter& s) {
  const Dims& dims = s.data()->type().dims;
  const auto rank = static_cast<int64_t>(dims.size());
  if (s.node.is("GatherGradient")) {
    const int axis = OpContext(s.node).axis(s.attribute("axis"), static_cast<int>(rank));
    return {product_of(dims, 0, axis), dims[static_cast<size_t>(axis)], product_of(dims, axis + 1, rank)};
  }
  if (s.node.is("GatherNDGradient") || s.node.is("ScatterND")) {
    const int64_t end = s.attribute("batch_dims") + tuple_of(s);
    return {1, product_of(dims, 0, end), product_of(dims, end, rank)};
  }
  return {1, product(dims), 1};
}

Value* positions_of(const Scatter& s, Graph& g) {
  if (s.node.is("GatherElementsGradient") || s.node.is("ScatterElements"))
    return g.make("ElementPositions", {s.data(), s.indices()}, {{"axis", s.attribute("axis")}});
  if (!s.node.is("GatherGradient")) {
    const int64_t batch = s.attribute("batch_dims");
    return g.make("TuplePositions", {s.data(), s.indices()}, {{"batch_dims", batch}, {"axis", batch}});
  }
  const int64_t axis = OpContext(s.node).axis(s.attribute("axis"), s.data()->rank());
  Value* tuples = g.make("Unsqueeze", {s.indices(), g.constant(Tensor::ints({-1}))});
  return g.make("TuplePositions", {s.data(), tuples}, {{"axis", axis}});
}

bool has_many_indices(const Node& node) {
  const Scatter s = scatter_of(node);
  const Dim count = s.indices()->type().element_count();
  return !count.is_const() || count.value() > kFewIndices;
}

bool has_plain_sizes(const Node& node) {
  const Scatter s = scatter_of(node);
  Rows updates = rows_of(s);
  if (!updates.is_plain()) return false;
  updates.rows = s.node.is("GatherGradient") ? s.indices()->type().element_count() : Dim::symbol("n");
  return updates.is_plain();
}

bool has_a_type_to_scatter(const Node& node) {
  const Scatter s = scatter_of(node);
  const DType type = wide_type(s.data()->dtype(), s.reduction());
  return can_scatter(static_cast<int32_t>(type), scatter_reduction(s.reduction()));
}

Value* reshaped(Graph& g, Value* x, const Rows& rows) {
  Ints shape{1};
  for (const Dim& d : {rows.channels, rows.rows, rows.inner}) shape.push_back(d.is_const() ? d.value() : -1);
  return g.make("Reshape", {x, g.constant(Tensor::ints(shape))});
}

Replacement as_rows(const Match& m, Graph& g) {
  const Scatter s = scatter_of(m.root());
  const DType type = wide_type(s.data()->dtype(), s.reduction());
  const Rows rows = rows_of(s);
  Value* shape = shape_operand(g, s.data());
  Value* data = s.is_gradient ? g.make("Expand", {g.constant(Tensor::scalar(type, 0)), shape}) : converted(g, s.data(), type);
  Rows of_updates = rows;
  Value* positions = g.make("Reshape", {positions_of(s, g), g.constant(Tensor::ints({1, -1}))});
  of_updates.rows = positions->dim(1);
  Value* updates = reshaped(g, converted(g, s.updates(), type), of_updates);
  Value* result = g.make("ScatterRows", {reshaped(g, data, rows), positions, updates}, {{"reduction", s.reduction()}});
  return converted(g, g.make("Reshape", {result, shape}), s.data()->dtype());
}

std::vector<Rewrite> rewrites(const Target&) {
  std::vector<Rewrite> all;
  for (const char* name : {"GatherGradient", "GatherElementsGradient", "GatherNDGradient", "ScatterElements", "ScatterND"})
    all.push_back({cat("rows-of-", name), cat(name, "(...) -> Reshape(ScatterRows(data, positions, updates))"),
                   op(name, {any("a"), any("b"), any("c")})
                       .where(has_many_indices, "it has few indices, for which the search is as fast")
                       .where(has_plain_sizes, "several of its sizes are no numbers")
                       .where(has_a_type_to_scatter, "no step scatters its type"),
                   as_rows});
  return all;
}

}  // namespace

Pass linear_scatters() {
  return {"linear-scatters", "Scatters and gradients of gathers write each update where it goes, instead of searching for it.",
          nullptr, rewrites};
}

}  // namespace cnnc

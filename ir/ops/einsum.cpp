// Einsum: operands are brought together two at a time, as matrix products where labels are summed.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "ir/gradient.h"
#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {
using enum DType;

// A letter, or an axis that "..." stands for: -1 is the last of them, -2 the one before.
using Label = int;
using Labels = std::vector<Label>;

struct Equation {
  std::vector<Labels> operands;
  Labels result;
};

// ---- parsing

bool is_ellipsis(Label label) { return label < 0; }

void add_ellipsis(Labels& labels, int axes) {
  for (int a = axes; a > 0; --a) labels.push_back(-a);
}

// The labels of one term, of which "..." makes up as many axes as are left of `rank`; without a
// rank (the result) `ellipsis` axes.
Labels term_labels(const OpContext& c, const std::string& term, std::optional<int> rank,
                   int ellipsis) {
  const auto letters = std::count_if(term.begin(), term.end(), [](char x) { return x != '.'; });
  const int hidden = rank ? *rank - static_cast<int>(letters) : ellipsis;
  Labels labels;
  bool has_dots = false;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] == '.') {
      c.require(!has_dots && term.compare(i, 3, "...") == 0, "term ", quoted(term),
                " of the equation has dots that are no \"...\"");
      has_dots = true;
      c.require(hidden >= 0, "term ", quoted(term), " has more labels than its operand's axes");
      add_ellipsis(labels, hidden);
      i += 2;
    } else {
      c.require(std::isalpha(static_cast<unsigned char>(term[i])) != 0, "term ", quoted(term),
                " of the equation holds ", quoted(std::string(1, term[i])));
      labels.push_back(static_cast<unsigned char>(term[i]));
    }
  }
  if (rank)
    c.require(static_cast<int>(labels.size()) == *rank, "term ", quoted(term), " does not fit ",
              *rank, " axes");
  return labels;
}

// Without "->" the result has the axes of "..." and every letter that occurs once, in order.
Labels implied_result(const std::vector<Labels>& operands, int ellipsis) {
  std::map<Label, int> count;
  for (const Labels& labels : operands)
    for (Label label : labels) ++count[label];
  Labels result;
  add_ellipsis(result, ellipsis);
  for (const auto& [label, times] : count)
    if (!is_ellipsis(label) && times == 1) result.push_back(label);
  return result;
}

Equation parse(const OpContext& c) {
  std::string text = c.text("equation");
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  Equation equation;
  int ellipsis = 0;
  size_t begin = 0;
  for (size_t i = 0; i < c.input_count(); ++i) {
    const size_t comma = std::min(left.find(',', begin), left.size());
    c.require(begin <= left.size(), "equation ", quoted(text), " has fewer terms than ",
              c.input_count(), " operands");
    equation.operands.push_back(term_labels(c, left.substr(begin, comma - begin), c.rank(i), 0));
    const auto& labels = equation.operands.back();
    ellipsis = std::max(ellipsis,
                        static_cast<int>(std::count_if(labels.begin(), labels.end(), is_ellipsis)));
    begin = comma + 1;
  }
  c.require(begin > left.size(), "equation ", quoted(text), " has more terms than ",
            c.input_count(), " operands");
  equation.result = arrow == std::string::npos
                        ? implied_result(equation.operands, ellipsis)
                        : term_labels(c, text.substr(arrow + 2), std::nullopt, ellipsis);
  return equation;
}

// ---- types

Dim broadcast_size(const OpContext& c, const Dim& a, const Dim& b) {
  const auto joined = broadcast(a, b);
  c.require(joined.has_value(), "axes of \"...\" have ", a, " and ", b, " elements");
  return *joined;
}

std::vector<Type> einsum_type(const OpContext& c) {
  const Equation equation = parse(c);
  std::map<Label, Dim> sizes;
  for (size_t i = 0; i < equation.operands.size(); ++i) {
    for (size_t a = 0; a < equation.operands[i].size(); ++a) {
      const Label label = equation.operands[i][a];
      const auto [it, first] = sizes.emplace(label, c.dims(i)[a]);
      if (first) continue;
      if (is_ellipsis(label))
        it->second = broadcast_size(c, it->second, c.dims(i)[a]);
      else
        require_equal(c, it->second,
                      cat("label ", quoted(std::string(1, static_cast<char>(label)))), c.dims(i)[a],
                      cat("the same in operand ", i));
    }
  }
  Type result{c.dtype(), {}};
  std::set<Label> seen;
  for (Label label : equation.result) {
    const auto it = sizes.find(label);
    c.require(it != sizes.end(), "the result has a label that no operand has");
    c.require(seen.insert(label).second, "the result has a label twice");
    result.dims.push_back(it->second);
  }
  return {result};
}

// ---- the graph

struct Factor {
  Value* value;
  Labels labels;
};

bool has(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

class EinsumGraph {
 public:
  explicit EinsumGraph(Graph& g) : g_(g) {}

  Value* build(std::vector<Factor> factors, const Labels& result) {
    for (Factor& f : factors) f = with_single_labels(f);
    while (factors.size() > 1) {
      Labels needed = result;
      for (size_t i = 2; i < factors.size(); ++i)
        needed.insert(needed.end(), factors[i].labels.begin(), factors[i].labels.end());
      Factor joined = join(factors[0], factors[1], needed);
      factors.erase(factors.begin());
      factors[0] = std::move(joined);
    }
    return arranged(summed(factors[0], [&](Label l) { return has(result, l); }), result);
  }

 private:
  Value* ints(const Ints& values) { return g_.constant(Tensor::ints(values)); }

  static Ints positions(const Labels& of, const Labels& in) {
    Ints result;
    for (Label l : of) result.push_back(std::find(in.begin(), in.end(), l) - in.begin());
    return result;
  }

  // A label that an operand has twice picks the diagonal: all else is zero, and one axis is summed.
  Factor with_single_labels(Factor f) {
    for (size_t b = 1; b < f.labels.size(); ++b) {
      const auto end = f.labels.begin() + static_cast<long>(b);
      const auto first = std::find(f.labels.begin(), end, f.labels[b]);
      if (first == end) continue;
      const auto a = first - f.labels.begin();
      Value* same = g_.make("Equal", {places(f.value, a), places(f.value, static_cast<long>(b))});
      f.value = g_.make("Where", {same, f.value, number_like(g_, f.value, 0)});
      f.value = g_.make("ReduceSum", {f.value, ints({static_cast<int64_t>(b)})}, {{"keepdims", 0}});
      f.labels.erase(end);
      --b;
    }
    return f;
  }

  // 0, 1, ... along an axis of x, broadcasting over the others.
  Value* places(Value* x, long axis) {
    Value* size = g_.make("Squeeze", {size_operand(g_, x, static_cast<int>(axis))});
    const auto number = [&](double n) { return g_.constant(Tensor::scalar(i64, n)); };
    Value* range = g_.make("Range", {number(0), size, number(1)});
    Ints behind;
    for (int64_t i = 1; i < x->rank() - axis; ++i) behind.push_back(i);
    return behind.empty() ? range : g_.make("Unsqueeze", {range, ints(behind)});
  }

  template <typename Keep>
  Factor summed(Factor f, const Keep& keep) {
    Ints axes;
    Labels left;
    for (size_t i = 0; i < f.labels.size(); ++i) {
      if (keep(f.labels[i]))
        left.push_back(f.labels[i]);
      else
        axes.push_back(static_cast<int64_t>(i));
    }
    if (axes.empty()) return f;
    return {g_.make("ReduceSum", {f.value, ints(axes)}, {{"keepdims", 0}}), left};
  }

  // Axes in the order of `labels`, with axes of size 1 for those that the factor lacks.
  Value* arranged(const Factor& f, const Labels& labels) {
    Labels own;
    Ints missing;
    for (size_t i = 0; i < labels.size(); ++i) {
      if (has(f.labels, labels[i]))
        own.push_back(labels[i]);
      else
        missing.push_back(static_cast<int64_t>(i));
    }
    const Ints perm = positions(own, f.labels);
    Value* x = f.value;
    if (!std::is_sorted(perm.begin(), perm.end())) x = g_.make("Transpose", {x}, {{"perm", perm}});
    return missing.empty() ? x : g_.make("Unsqueeze", {x, ints(missing)});
  }

  Factor join(Factor a, Factor b, const Labels& needed) {
    a = summed(std::move(a), [&](Label l) { return has(needed, l) || has(b.labels, l); });
    b = summed(std::move(b), [&](Label l) { return has(needed, l) || has(a.labels, l); });
    Labels batch, rows, columns, inner;
    for (Label l : a.labels) {
      if (!has(b.labels, l))
        rows.push_back(l);
      else
        (has(needed, l) ? batch : inner).push_back(l);
    }
    for (Label l : b.labels)
      if (!has(a.labels, l)) columns.push_back(l);
    if (inner.empty()) return product(a, b, batch, rows, columns);
    return contracted(a, b, batch, rows, inner, columns);
  }

  static Labels joined(std::initializer_list<Labels> parts) {
    Labels all;
    for (const Labels& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  }

  Factor product(const Factor& a, const Factor& b, const Labels& batch, const Labels& rows,
                 const Labels& columns) {
    const Labels labels = joined({batch, rows, columns});
    return {g_.make("Mul", {arranged(a, labels), arranged(b, labels)}), labels};
  }

  // [batch..., rows, inner] x [batch..., inner, columns].
  Factor contracted(const Factor& a, const Factor& b, const Labels& batch, const Labels& rows,
                    const Labels& inner, const Labels& columns) {
    Value* left = arranged(a, joined({batch, rows, inner}));
    Value* right = arranged(b, joined({batch, inner, columns}));
    const size_t n = batch.size(), r = rows.size(), k = inner.size(), m = columns.size();
    Value* y = g_.make("MatMul", {grouped(left, n, r, k), grouped(right, n, k, m)});
    if (r == 1 && m == 1) return {y, joined({batch, rows, columns})};
    std::vector<Value*> sizes;
    for (size_t i = 0; i < n; ++i) sizes.push_back(size_operand(g_, y, static_cast<int>(i)));
    for (size_t i = 0; i < r; ++i) sizes.push_back(size_operand(g_, left, static_cast<int>(n + i)));
    for (size_t i = 0; i < m; ++i)
      sizes.push_back(size_operand(g_, right, static_cast<int>(n + k + i)));
    return {reshaped(y, sizes), joined({batch, rows, columns})};
  }

  // The axes behind the first `batch` as two: `first` of them, and `second`.
  Value* grouped(Value* x, size_t batch, size_t first, size_t second) {
    if (first == 1 && second == 1) return x;
    std::vector<Value*> sizes;
    for (size_t i = 0; i < batch; ++i) sizes.push_back(size_operand(g_, x, static_cast<int>(i)));
    sizes.push_back(size_of_axes(x, batch, first));
    sizes.push_back(size_of_axes(x, batch + first, second));
    return reshaped(x, sizes);
  }

  Value* size_of_axes(Value* x, size_t begin, size_t count) {
    Value* size = ints({1});
    for (size_t i = 0; i < count; ++i)
      size = g_.make("Mul", {size, size_operand(g_, x, static_cast<int>(begin + i))});
    return size;
  }

  Value* reshaped(Value* x, const std::vector<Value*>& sizes) {
    Value* shape = sizes.empty() ? ints({}) : g_.make("Concat", sizes, {{"axis", 0}});
    return g_.make("Reshape", {x, shape}, {{"allowzero", 1}});
  }

  Graph& g_;
};

CNNC_OP(Einsum)
    .doc(
        "Sum of products by Einstein's convention: axes with one label run together, and labels "
        "that the result does not have are summed.")
    .onnx({12, 28})
    .variadic_input("Inputs", kNumberTypes)
    .output("Output")
    .required_attribute("equation", "")
    .infer(einsum_type)
    .decompose([](const Node& n, Graph& g) -> std::vector<Value*> {
      const Equation equation = parse(OpContext(n));
      std::vector<Factor> factors;
      for (size_t i = 0; i < n.inputs().size(); ++i)
        factors.push_back({widened(g, n.input(i)), equation.operands[i]});
      return {converted(g, EinsumGraph(g).build(factors, equation.result), n.input(0)->dtype())};
    })
    .example({random(f32, {2, 3}), random(f32, {3, 4})}, {{"equation", "ij,jk->ik"}})
    .example({random(f64, {2, 3, 4}), random(f64, {2, 4, 5})}, {{"equation", "bij, bjk"}})
    .example({random(f64, {2, 3, 4, 2}), random(f64, {5, 4, 2})},
             {{"equation", "...abc,dbc->...da"}})
    .example({random(f64, {3, 3}), random(f64, {3})}, {{"equation", "ii,i->i"}})
    .example({random(f64, {2, 3}), random(f64, {3}), random(f64, {4, 2})},
             {{"equation", "ij,j,ki->k"}})
    .example({random(f64, {2, 3}), random(f64, {4})}, {{"equation", "ab,c->cba"}})
    .example({random(f16, {2, 3, 3})}, {{"equation", "...ii->...i"}})
    .example({random(i32, {2, 3}, -9, 9)}, {{"equation", "ij->ji"}});

}  // namespace
}  // namespace cnnc

// Arithmetic with constants, and signs.
#include <cmath>

#include "ir/op_def.h"
#include "ir/ops/graph_parts.h"
#include "passes/canonicalize.h"
#include "passes/constants.h"

namespace cnnc {

namespace {

// 16-bit floats would show that constants are rounded together.
bool is_merged_exactly_enough(const Value& v) { return is_int(v.dtype()) || v.dtype() == DType::f32 || v.dtype() == DType::f64; }

bool broadcasts_into(const Dims& small, const Dims& large) {
  if (small.size() > large.size()) return false;
  for (size_t i = 1; i <= small.size(); ++i)
    if (!(small[small.size() - i] == 1) && !(small[small.size() - i] == large[large.size() - i])) return false;
  return true;
}

// The merged constant has the shape of one of the two.
bool does_not_grow(const Match& m) {
  const Dims &a = m["a"]->type().dims, &b = m["b"]->type().dims;
  return broadcasts_into(a, b) || broadcasts_into(b, a);
}

// The product of constants neither overflows nor vanishes.
bool product_is_normal(const Match& m) {
  const Tensor *a = known_tensor(m["a"]), *b = known_tensor(m["b"]);
  if (!is_float(a->dtype())) return true;
  const auto extremes = [](const Tensor& t) {
    double least = INFINITY, greatest = 0;
    for (int64_t i = 0; i < t.size(); ++i) {
      const double v = std::abs(t.as_double(i));
      if (v != 0) least = std::min(least, v);
      greatest = v > greatest || std::isnan(v) ? v : greatest;
    }
    return std::pair(least, greatest);
  };
  const auto [a_least, a_greatest] = extremes(*a);
  const auto [b_least, b_greatest] = extremes(*b);
  return a_greatest * b_greatest < 1e30 && a_least * b_least > 1e-30;
}

Rewrite merge(const std::string& name, bool is_product) {
  Pattern inner = op(name, {any("x"), known_constant("a")}).commutative().used_once();
  Pattern root = op(name, {inner, known_constant("b")})
                     .commutative()
                     .where(is_merged_exactly_enough, "16-bit floats keep their roundings")
                     .where(does_not_grow, "the merged constant would be larger than both");
  if (is_product) root = root.where(product_is_normal, "the product of the constants overflows or vanishes");
  return {cat("merge-", name), cat(name, "(", name, "(x, a), b) -> ", name, "(x, a and b)"), root,
          [name](const Match& m, Graph& g) {
            return g.make(name, {m["x"], compute_constant(g, name, {m["a"], m["b"]})});
          }};
}

bool can_be_negated(const Value& v) { return is_float(v.dtype()) || is_signed_int(v.dtype()); }

Rewrite subtract_constant() {
  return {"subtract-constant", "Sub(x, c) -> Add(x, -c)",
          op("Sub", {any("x"), known_constant("c")})
              .where(can_be_negated, "unsigned integers have no sign"),
          [](const Match& m, Graph& g) { return g.make("Add", {m["x"], compute_constant(g, "Neg", {m["c"]})}); }};
}

std::vector<Rewrite> neutral_elements() {
  std::vector<Rewrite> rewrites;
  const auto add = [&](const std::string& name, double neutral, bool commutative) {
    const std::string text = neutral == 0 ? "0" : "1";
    Pattern root = op(name, {any("x"), number(neutral)});
    if (commutative) root = root.commutative();
    rewrites.push_back({cat("neutral-", name), cat(name, "(x, ", text, ") -> x"), keeps_type(root, "x"),
                        [](const Match& m, Graph&) { return m["x"]; }});
  };
  add("Add", 0, true);
  add("Sub", 0, false);
  add("Mul", 1, true);
  add("Div", 1, false);
  add("Pow", 1, false);
  return rewrites;
}

std::vector<Rewrite> signs() {
  const auto x = [](const Match& m, Graph&) { return m["x"]; };
  return {
      {"double-negation", "Neg(Neg(x)) -> x", op("Neg", {op("Neg", {any("x")})}), x},
      {"double-not", "Not(Not(x)) -> x", op("Not", {op("Not", {any("x")})}), x},
      {"add-negated", "Add(x, Neg(y)) -> Sub(x, y)", op("Add", {any("x"), op("Neg", {any("y")}).used_once()}).commutative(),
       [](const Match& m, Graph& g) { return g.make("Sub", {m["x"], m["y"]}); }},
      {"subtract-negated", "Sub(x, Neg(y)) -> Add(x, y)", op("Sub", {any("x"), op("Neg", {any("y")}).used_once()}),
       [](const Match& m, Graph& g) { return g.make("Add", {m["x"], m["y"]}); }},
      {"scale-negated", "Mul(Neg(x), c) -> Mul(x, -c)",
       op("Mul", {op("Neg", {any("x")}).used_once(), known_constant("c")}).commutative(),
       [](const Match& m, Graph& g) { return g.make("Mul", {m["x"], compute_constant(g, "Neg", {m["c"]})}); }},
  };
}

// A product's scale is free in the epilogue of its kernel, or goes into its weights.
Rewrite scale_behind_product(const char* name, bool left) {
  const Pattern scaled = op("Mul", {any("x"), number("c")}).commutative().used_once().bind("scaled");
  const Pattern root = left ? op("MatMul", {scaled, any("y")}) : op("MatMul", {any("y"), scaled});
  return {name, "MatMul(c x, y) -> c MatMul(x, y)",
          root.where([](const Match& m) { return m["scaled"]->type() == m["x"]->type(); }, "the scale broadcasts its operand")
              .where([](const Value& v) { return v.dtype() == DType::f32 || v.dtype() == DType::f64; },
                     "other types round or overflow in between"),
          [left](const Match& m, Graph& g) {
            Value* y = g.make("MatMul", {left ? m["x"] : m["y"], left ? m["y"] : m["x"]}, m.root().attributes());
            return g.make("Mul", {y, number_like(g, y, *splat(m["c"]))});
          }};
}

Rewrite chosen(const char* name, const char* doc, bool condition, const std::string& result) {
  return {name, doc, keeps_type(op("Where", {number(condition), any("x"), any("y")}), result),
          [result](const Match& m, Graph&) { return m[result]; }};
}

}  // namespace

std::vector<Rewrite> arithmetic_rewrites() {
  std::vector<Rewrite> rewrites = neutral_elements();
  for (Rewrite& r : signs()) rewrites.push_back(std::move(r));
  rewrites.push_back(merge("Add", false));
  rewrites.push_back(merge("Mul", true));
  rewrites.push_back(subtract_constant());
  rewrites.push_back(scale_behind_product("scale-behind-product-left", true));
  rewrites.push_back(scale_behind_product("scale-behind-product-right", false));
  rewrites.push_back(chosen("where-true", "Where(true, x, y) -> x", true, "x"));
  rewrites.push_back(chosen("where-false", "Where(false, x, y) -> y", false, "y"));
  rewrites.push_back({"sum-of-two", "Sum(x, y) -> Add(x, y)", op("Sum", {any("x"), any("y")}),
                      [](const Match& m, Graph& g) { return g.make("Add", {m["x"], m["y"]}); }});
  return rewrites;
}

}  // namespace cnnc

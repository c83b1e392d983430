// Relu, Clip, Min and Max with constants limit a value to a range: chains of them are one.
#include <algorithm>
#include <cmath>

#include "ir/op_def.h"
#include "ir/ops/graph_parts.h"
#include "passes/canonicalize.h"
#include "passes/constants.h"

namespace cnnc {

namespace {

struct Clamp {
  double low = -INFINITY, high = INFINITY;
  double of(double x) const { return std::min(std::max(x, low), high); }
};

// A bound that is a known number; an absent one does not limit.
std::optional<double> bound(const Value* v, double absent) { return v ? splat(v) : absent; }

std::optional<Clamp> clamp_of(const Node& n) {
  if (!is_float(n.output()->dtype())) return std::nullopt;
  if (n.is("Relu")) return Clamp{0, INFINITY};
  const auto low = bound(n.input(1), -INFINITY), high = bound(n.input(2), INFINITY);
  if (!low || !high || std::isnan(*low) || std::isnan(*high) || n.output()->type() != n.input(0)->type()) return std::nullopt;
  return Clamp{*low, *high};
}

Value* make_clamp(Graph& g, Value* x, const Clamp& c) {
  if (c.low == 0 && c.high == INFINITY) return g.make("Relu", {x});
  Value* low = c.low == -INFINITY ? nullptr : number_like(g, x, c.low);
  Value* high = c.high == INFINITY ? nullptr : number_like(g, x, c.high);
  std::vector<Value*> operands{x, low};
  if (high) operands.push_back(high);
  return g.make("Clip", std::move(operands));
}

bool is_clamp(const Node& n) { return clamp_of(n).has_value(); }
bool is_ordered_clamp(const Node& n) {
  const auto c = clamp_of(n);
  return c && c->low <= c->high;
}

Rewrite merge(const char* outer) {
  const Pattern inner = one_of({"Relu", "Clip"}, {any("x"), optional("low"), optional("high")})
                            .bind("inner")
                            .used_once()
                            .where(is_ordered_clamp, "its bounds are not known or not in order");
  return {cat("merge-clamps-", outer), cat(outer, "(clamp(x)) -> clamp(x)"),
          op(outer, {inner, optional("outer low"), optional("outer high")}).where(is_clamp, "its bounds are not known"),
          [](const Match& m, Graph& g) {
            const Clamp a = *clamp_of(m.node("inner")), b = *clamp_of(m.root());
            return make_clamp(g, m["x"], {b.of(a.low), b.of(a.high)});
          }};
}

// Max(x, c) and Min(x, c).
Rewrite limit(const char* name, bool is_low) {
  const Pattern root = keeps_type(op(name, {any("x"), number("c")}).commutative(), "x")
                           .where([](const Value& v) { return is_float(v.dtype()); }, "it works on integers")
                           .where([](const Match& m) { return !std::isnan(*splat(m["c"])); }, "the bound is NaN");
  return {cat("limit-", name), cat(name, "(x, c) -> clamp(x)"), root, [is_low](const Match& m, Graph& g) {
            const double c = *splat(m["c"]);
            return make_clamp(g, m["x"], is_low ? Clamp{c, INFINITY} : Clamp{-INFINITY, c});
          }};
}

bool is_relu(const Node& n) {
  const auto c = clamp_of(n);
  return c && c->low == 0 && c->high == INFINITY;
}

}  // namespace

std::vector<Rewrite> clamp_rewrites() {
  return {
      merge("Relu"),
      merge("Clip"),
      limit("Max", true),
      limit("Min", false),
      {"clip-to-relu", "Clip(x, 0) -> Relu(x)", op("Clip").where(is_relu, "its bounds are not 0 and infinity"),
       [](const Match& m, Graph& g) { return g.make("Relu", {m.root().input(0)}); }},
      {"relu-of-positive", "Relu(f(x)) -> f(x) where f is never negative",
       op("Relu", {one_of({"Sigmoid", "HardSigmoid", "Softmax", "Exp", "Abs", "Softplus"}, {any("x")}).bind("f")}),
       [](const Match& m, Graph&) { return m["f"]; }},
  };
}

}  // namespace cnnc

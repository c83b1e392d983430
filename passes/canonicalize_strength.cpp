// Costly operators become cheap ones.
//
// f32 and f64 results stay within two roundings of the exact one, where the original has one; 16-bit floats only change when
// no rounding does.
#include <cmath>

#include "ir/op_def.h"
#include "passes/canonicalize.h"
#include "passes/constants.h"

namespace cnnc {

namespace {

bool is_power_of_two(double v) {
  int exponent = 0;
  return std::abs(std::frexp(v, &exponent)) == 0.5;
}

// Every element has a reciprocal of full precision.
bool has_reciprocal(const Value& v) {
  const Tensor* t = known_tensor(&v);
  if (!is_float(t->dtype())) return false;
  const bool wide = t->dtype() == DType::f32 || t->dtype() == DType::f64;
  for (int64_t i = 0; i < t->size(); ++i) {
    const double c = t->as_double(i), size = std::abs(c);
    if (!(size > 1e-4 && size < 1e4 && is_power_of_two(c)) && !(wide && size > 1e-30 && size < 1e30)) return false;
  }
  return true;
}

bool is_float_value(const Value& v) { return is_float(v.dtype()); }
bool is_wide_float(const Value& v) { return v.dtype() == DType::f32 || v.dtype() == DType::f64; }

Rewrite power(const char* name, const char* doc, double exponent, std::function<Value*(Value*, Graph&)> build) {
  const Pattern root = keeps_type(op("Pow", {any("x"), number(exponent)}), "x")
                           .where(is_wide_float, "only f32 and f64 are computed so");
  return {name, doc, root, [build](const Match& m, Graph& g) { return build(m["x"], g); }};
}

}  // namespace

std::vector<Rewrite> strength_rewrites() {
  const auto square = [](Value* x, Graph& g) { return g.make("Mul", {x, x}); };
  const auto cube = [](Value* x, Graph& g) { return g.make("Mul", {g.make("Mul", {x, x}), x}); };
  const auto root = [](Value* x, Graph& g) { return g.make("Sqrt", {x}); };
  const auto reciprocal = [](Value* x, Graph& g) { return g.make("Reciprocal", {x}); };
  const auto inverse_root = [](Value* x, Graph& g) { return g.make("Reciprocal", {g.make("Sqrt", {x})}); };
  return {
      {"divide-by-constant", "Div(x, c) -> Mul(x, 1 / c)",
       op("Div", {any("x"), known_constant("c").where(has_reciprocal, "its reciprocal loses precision")}),
       [](const Match& m, Graph& g) { return g.make("Mul", {m["x"], compute_constant(g, "Reciprocal", {m["c"]})}); }},
      {"reciprocal", "Div(1, x) -> Reciprocal(x)",
       keeps_type(op("Div", {number(1.0), any("x")}), "x").where(is_float_value, "integers have no reciprocal"),
       [](const Match& m, Graph& g) { return g.make("Reciprocal", {m["x"]}); }},
      power("square", "Pow(x, 2) -> Mul(x, x)", 2, square),
      power("cube", "Pow(x, 3) -> Mul(Mul(x, x), x)", 3, cube),
      power("square-root", "Pow(x, 0.5) -> Sqrt(x)", 0.5, root),
      power("power-minus-one", "Pow(x, -1) -> Reciprocal(x)", -1, reciprocal),
      power("inverse-root", "Pow(x, -0.5) -> Reciprocal(Sqrt(x))", -0.5, inverse_root),
  };
}

}  // namespace cnnc

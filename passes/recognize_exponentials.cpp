// Sigmoid and Softplus written with Exp: their own operators neither overflow nor lose small results.
#include "passes/constants.h"
#include "passes/recognize.h"

namespace cnnc {

static Pattern one_plus(const Pattern& x) { return op("Add", {x, number(1.0)}).commutative().used_once(); }

std::vector<Rewrite> exponential_rewrites() {
  const Pattern decay = one_plus(op("Exp", {op("Neg", {any("x")}).used_once()}).used_once());
  const auto sigmoid = [](const Match& m, Graph& g) { return g.make("Sigmoid", {m["x"]}); };
  return {
      {"recognize-Sigmoid", "Reciprocal(1 + Exp(-x)) -> Sigmoid(x)", keeps_type(op("Reciprocal", {decay}), "x"), sigmoid},
      {"recognize-Sigmoid-quotient", "1 / (1 + Exp(-x)) -> Sigmoid(x)", keeps_type(op("Div", {number(1.0), decay}), "x"), sigmoid},
      {"recognize-Softplus", "Log(1 + Exp(x)) -> Softplus(x)",
       keeps_type(op("Log", {one_plus(op("Exp", {any("x")}).used_once())}), "x"),
       [](const Match& m, Graph& g) { return g.make("Softplus", {m["x"]}); }},
  };
}

}  // namespace cnnc

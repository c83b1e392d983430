// LayerNormalization, RMSNormalization and Softmax written with reductions.
#include <algorithm>

#include "ir/ops/graph_parts.h"
#include "passes/constants.h"
#include "passes/recognize.h"

namespace cnnc {

namespace {

// Ascending axes of a reduction that keeps them.
std::optional<Ints> kept_axes(const Node& reduction) {
  const auto axes = reduction.input(1) ? reduction.input(1)->known_ints() : std::nullopt;
  if (!axes || axes->empty() || reduction.int_attribute("keepdims") != 1) return std::nullopt;
  Ints sorted = *axes;
  for (int64_t& a : sorted) a += a < 0 ? reduction.input(0)->rank() : 0;
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

// The first axis when all from it on are reduced.
std::optional<int64_t> trailing_axis(const Node& reduction) {
  const auto axes = kept_axes(reduction);
  const int rank = reduction.input(0)->rank();
  if (!axes || axes->back() != rank - 1 || axes->front() != rank - static_cast<int64_t>(axes->size())) return std::nullopt;
  return axes->front();
}

bool is_wide_float(const Value& v) { return v.dtype() == DType::f32 || v.dtype() == DType::f64; }

// Nothing but the match uses the value.
bool only_used_by(const Match& m, const Value& value) {
  if (value.is_graph_output()) return false;
  return std::all_of(value.users().begin(), value.users().end(), [&](const auto& user) {
    return std::find(m.nodes().begin(), m.nodes().end(), user.first) != m.nodes().end();
  });
}

Pattern reduction(const char* name, const Pattern& x, const std::string& bound) {
  return op(name, {x, constant()}).bind(bound).used_once();
}

// Patterns of the square of a value that matches `x` and is bound to `name`.
std::vector<Pattern> squares(const Pattern& x, const std::string& name) {
  return {op("Mul", {x, any(name)}).used_once(), op("Pow", {x, number(2.0)}).used_once()};
}

// sqrt(mean of the squares + epsilon)
Pattern deviation(const Pattern& square) {
  const Pattern mean = reduction("ReduceMean", square, "variance");
  return op("Sqrt", {op("Add", {mean, number("epsilon")}).commutative().used_once()}).used_once();
}

// Patterns of x / sqrt(mean of squares + epsilon), where the squares are those of `name`, to which `x` binds.
std::vector<Pattern> divided_by_deviation(const Pattern& x, const std::string& name) {
  std::vector<Pattern> roots;
  for (const Pattern& square : squares(any(name), name)) {
    roots.push_back(op("Div", {x, deviation(square)}));
    roots.push_back(op("Mul", {x, op("Reciprocal", {deviation(square)}).used_once()}).commutative());
  }
  return roots;
}

Attributes axis_and_epsilon(const Match& m) {
  return {{"axis", *trailing_axis(m.node("variance"))}, {"epsilon", *splat(m["epsilon"])}};
}

// ---- LayerNormalization ----------------------------------------------------------------------------------------------

bool is_layer_norm(const Match& m) {
  const auto axis = trailing_axis(m.node("variance"));
  return axis && trailing_axis(m.node("mean")) == axis && only_used_by(m, *m["centred"]) &&
         m.root().output()->type() == m["x"]->type();
}

std::vector<Rewrite> layer_norms() {
  const Pattern centred = op("Sub", {any("x"), reduction("ReduceMean", any("x"), "mean")}).bind("centred");
  std::vector<Rewrite> rewrites;
  for (const Pattern& root : divided_by_deviation(centred, "centred"))
    rewrites.push_back({"recognize-LayerNormalization", "(x - mean) / Sqrt(variance + epsilon) -> LayerNormalization(x, 1)",
                        root.where(is_wide_float, "16-bit floats round in between")
                            .where(is_layer_norm, "the axes are not the last ones, or parts have other uses"),
                        [](const Match& m, Graph& g) {
                          return g.add("LayerNormalization", {m["x"], number_like(g, m["x"], 1)}, axis_and_epsilon(m), 1)->output();
                        }});
  return rewrites;
}

// TensorFlow writes x f + (bias - mean f) with f = scale / sqrt(variance + epsilon).
std::vector<Rewrite> layer_norms_as_one_line() {
  const Pattern centred = op("Sub", {any("x"), op("ReduceMean", {any("x"), constant()}).bind("mean")}).bind("centred");
  const auto applies = [](const Match& m) {
    return is_layer_norm(m) && only_used_by(m, *m["factor"]) && only_used_by(m, *m["mean"]);
  };
  std::vector<Rewrite> rewrites;
  for (const Pattern& square : squares(centred, "centred")) {
    const Pattern inverse = op("Reciprocal", {deviation(square)}).used_once();
    const Pattern factor = op("Mul", {inverse, constant("scale")}).commutative().bind("factor");
    const Pattern scaled = op("Mul", {any("x"), factor}).commutative().used_once();
    const Pattern scaled_mean = op("Mul", {any("mean"), any("factor")}).commutative().used_once();
    const Pattern root = op("Add", {scaled, op("Sub", {constant("bias"), scaled_mean}).used_once()}).commutative();
    rewrites.push_back({"recognize-LayerNormalization-line", "x f + (bias - mean f) -> LayerNormalization(x, scale, bias)",
                        root.where(is_wide_float, "16-bit floats round in between")
                            .where(applies, "the axes are not the last ones, or parts have other uses"),
                        [](const Match& m, Graph& g) {
                          return g.add("LayerNormalization", {m["x"], m["scale"], m["bias"]}, axis_and_epsilon(m), 1)->output();
                        }});
  }
  return rewrites;
}

// ---- RMSNormalization ------------------------------------------------------------------------------------------------

bool is_rms_norm(const Match& m) {
  return trailing_axis(m.node("variance")) && m.root().output()->type() == m["x"]->type();
}

std::vector<Rewrite> rms_norms() {
  std::vector<Rewrite> rewrites;
  for (const Pattern& root : divided_by_deviation(any("x"), "x"))
    rewrites.push_back({"recognize-RMSNormalization", "x / Sqrt(mean of squares + epsilon) -> RMSNormalization(x, 1)",
                        root.where(is_wide_float, "16-bit floats round in between")
                            .where(is_rms_norm, "the axes are not the last ones"),
                        [](const Match& m, Graph& g) {
                          return g.make("RMSNormalization", {m["x"], number_like(g, m["x"], 1)}, axis_and_epsilon(m));
                        }});
  return rewrites;
}

// ---- scale and bias --------------------------------------------------------------------------------------------------

bool has_one_output_in_use(const Node& n) {
  for (size_t i = 1; i < n.output_count(); ++i)
    if (n.output(i)->use_count() > 0) return false;
  return true;
}

Rewrite absorb_scale(const std::string& name) {
  const Pattern norm = op(name, {any("x"), number(1.0)}).bind("norm").used_once().where(has_one_output_in_use,
                                                                                      "its statistics are used");
  return {cat("scale-", name), cat("Mul(", name, "(x, 1), c) -> ", name, "(x, c)"),
          keeps_type(op("Mul", {norm, constant("c")}).commutative(), "x"), [name](const Match& m, Graph& g) {
            return g.add(name, {m["x"], m["c"]}, m.node("norm").attributes(), 1)->output();
          }};
}

Rewrite absorb_bias() {
  const Pattern norm = op("LayerNormalization", {any("x"), any("scale")})
                           .bind("norm")
                           .used_once()
                           .where(has_one_output_in_use, "its statistics are used");
  return {"shift-LayerNormalization", "Add(LayerNormalization(x, c), d) -> LayerNormalization(x, c, d)",
          keeps_type(op("Add", {norm, constant("bias")}).commutative(), "x"), [](const Match& m, Graph& g) {
            return g.add("LayerNormalization", {m["x"], m["scale"], m["bias"]}, m.node("norm").attributes(), 1)->output();
          }};
}

// ---- Softmax ---------------------------------------------------------------------------------------------------------

bool is_softmax(const Match& m) {
  const auto axes = kept_axes(m.node("sum"));
  return axes && axes->size() == 1 && only_used_by(m, *m["exp"]) && m.root().output()->type() == m["x"]->type();
}

bool is_shifted_by_greatest(const Match& m) { return kept_axes(m.node("greatest")) == kept_axes(m.node("sum")); }

Pattern softmax(const Pattern& argument) {
  const Pattern exp = op("Exp", {argument}).bind("exp");
  return op("Div", {exp, reduction("ReduceSum", any("exp"), "sum")})
      .where(is_wide_float, "16-bit floats round in between")
      .where(is_softmax, "it sums along several axes, or parts have other uses");
}

std::vector<Rewrite> softmaxes() {
  const Pattern shifted = op("Sub", {any("x"), reduction("ReduceMax", any("x"), "greatest")}).used_once();
  const auto replacement = [](const Match& m, Graph& g) {
    return g.make("Softmax", {m["x"]}, {{"axis", kept_axes(m.node("sum"))->front()}});
  };
  return {
      {"recognize-Softmax", "e / sum of e, e = Exp(x - maximum) -> Softmax(x)",
       softmax(shifted).where(is_shifted_by_greatest, "the maximum is that of another axis"), replacement},
      {"recognize-Softmax-unshifted", "Exp(x) / sum of Exp(x) -> Softmax(x)", softmax(any("x")), replacement},
  };
}

}  // namespace

std::vector<Rewrite> normalization_rewrites() {
  std::vector<Rewrite> all;
  for (auto* family : {layer_norms, layer_norms_as_one_line, rms_norms, softmaxes})
    for (Rewrite& r : family()) all.push_back(std::move(r));
  all.push_back(absorb_scale("LayerNormalization"));
  all.push_back(absorb_scale("RMSNormalization"));
  all.push_back(absorb_bias());
  return all;
}

}  // namespace cnnc

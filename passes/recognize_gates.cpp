// Products of x and a function of x: Gelu, Swish, HardSwish, Mish; and HardSigmoid.
//
// Exporters arrange the factors and constants in many ways. So the whole product is taken apart first, and then compared.
#include <cmath>

#include "ir/error.h"
#include "passes/constants.h"
#include "passes/product.h"
#include "passes/recognize.h"

namespace cnnc {

namespace {

// coefficient * x * gate
struct Gated {
  double coefficient;
  Value *x, *gate;
};

// The ways to see a product of two factors so.
std::vector<Gated> gated_forms(Value* value) {
  const Product p = product_of(value);
  if (p.factors.size() != 2) return {};
  const auto first = p.factors.begin(), second = std::next(first);
  if (first->second != 1 || second->second != 1) return {};
  std::vector<Gated> forms{{p.coefficient, first->first, second->first}, {p.coefficient, second->first, first->first}};
  std::erase_if(forms, [&](const Gated& f) { return f.gate->use_count() != 1 || f.x->type() != value->type(); });
  return forms;
}

using Form = std::optional<Attributes>;  // of the operator that a product is

// ---- Gelu ------------------------------------------------------------------------------------------------------------

// The gate is (1 + f(u)) / 2, up to the coefficient.
Value* argument_of_half(const Gated& g, std::string_view function) {
  const auto f = scaled_function(g.gate, function);
  const bool half = f && nearly_equal(g.coefficient * f->slope, 0.5) && nearly_equal(g.coefficient * f->offset, 0.5);
  return half ? f->node->input(0) : nullptr;
}

Form erf_gelu(const Gated& g) {
  Value* u = argument_of_half(g, "Erf");
  if (u == nullptr) return std::nullopt;
  const Product p = product_of(u);
  if (p.power_of(g.x) != 1 || !nearly_equal(p.coefficient, M_SQRT1_2)) return std::nullopt;
  return Attributes{};
}

// The coefficients of x^low and x^(low + 2) in a sum of two such terms, where x^0 is a number.
std::optional<std::pair<double, double>> two_terms(const Value* sum, const Value* x, int low) {
  const Node* node = sum->producer();
  if (node == nullptr || !node->is("Add")) return std::nullopt;
  std::optional<double> first, second;
  for (Value* operand : node->inputs()) {
    const Product p = operand == x ? Product{1, {{operand, 1}}} : product_of(operand);
    const int power = p.factors.empty() ? 0 : p.power_of(x);
    if (!p.factors.empty() && power == 0) return std::nullopt;
    if (power == low) first = p.coefficient;
    if (power == low + 2) second = p.coefficient;
  }
  if (!first || !second) return std::nullopt;
  return std::pair(*first, *second);
}

// u = k (x + 0.044715 x^3) or k x (1 + 0.044715 x^2), k = sqrt(2 / pi).
Form tanh_gelu(const Gated& g) {
  Value* u = argument_of_half(g, "Tanh");
  if (u == nullptr) return std::nullopt;
  Product p = product_of(u);
  const bool takes_x = p.factors.size() == 2 && p.factors.erase(g.x) == 1;
  if (p.factors.size() != 1 || p.factors.begin()->second != 1) return std::nullopt;
  const auto terms = two_terms(p.factors.begin()->first, g.x, takes_x ? 0 : 1);
  const double k = std::sqrt(M_2_PI);
  if (!terms || !nearly_equal(p.coefficient * terms->first, k) || !nearly_equal(p.coefficient * terms->second, 0.044715 * k))
    return std::nullopt;
  return Attributes{{"approximate", std::string("tanh")}};
}

Form gelu(const Gated& g) {
  const Form form = erf_gelu(g);
  return form ? form : tanh_gelu(g);
}

// ---- Swish, Mish, HardSwish ------------------------------------------------------------------------------------------

Form swish(const Gated& g) {
  const Node* sigmoid = g.gate->producer();
  if (sigmoid == nullptr || !sigmoid->is("Sigmoid") || !nearly_equal(g.coefficient, 1)) return std::nullopt;
  if (sigmoid->input(0) == g.x) return Attributes{{"alpha", 1.0}};
  const Product p = product_of(sigmoid->input(0));
  return p.power_of(g.x) == 1 ? Form(Attributes{{"alpha", p.coefficient}}) : std::nullopt;
}

Form mish(const Gated& g) {
  const Node* tanh = g.gate->producer();
  if (tanh == nullptr || !tanh->is("Tanh") || !nearly_equal(g.coefficient, 1)) return std::nullopt;
  const Node* softplus = tanh->input(0)->producer();
  const bool found = softplus && softplus->is("Softplus") && softplus->output()->use_count() == 1 && softplus->input(0) == g.x;
  return found ? Form(Attributes{}) : std::nullopt;
}

// coefficient * Clip(slope x + offset, 0, high) with coefficient * high = 1, as alpha and beta of a HardSigmoid.
std::optional<ScaledFunction> hard_sigmoid(double coefficient, const Node* clip, const Value* x) {
  if (clip == nullptr || !clip->is("Clip") || clip->input(1) == nullptr || clip->input(2) == nullptr) return std::nullopt;
  const auto low = splat(clip->input(1)), high = splat(clip->input(2));
  if (low != 0.0 || !high || !nearly_equal(coefficient * *high, 1)) return std::nullopt;
  auto l = line(clip->input(0), x);
  if (!l) return std::nullopt;
  return ScaledFunction{nullptr, l->slope * coefficient, l->offset * coefficient};
}

Form hard_swish(const Gated& g) {
  const Node* gate = g.gate->producer();
  std::optional<ScaledFunction> f = hard_sigmoid(g.coefficient, gate, g.x);
  if (gate && gate->is("HardSigmoid") && gate->input(0) == g.x && nearly_equal(g.coefficient, 1))
    f = ScaledFunction{nullptr, gate->float_attribute("alpha"), gate->float_attribute("beta")};
  if (!f || !nearly_equal(f->slope, 1.0 / 6) || !nearly_equal(f->offset, 0.5)) return std::nullopt;
  return Attributes{};
}

// ---- the rewrites ----------------------------------------------------------------------------------------------------

using Recognizer = Form (*)(const Gated&);

struct Found {
  Value* x;
  Attributes attributes;
};

std::optional<Found> find(const Node& root, Recognizer recognize) {
  for (const Gated& g : gated_forms(root.output()))
    if (const Form form = recognize(g)) return Found{g.x, *form};
  return std::nullopt;
}

Rewrite gate(const std::string& root, const std::string& name, const std::string& doc, Recognizer recognize) {
  return {cat("recognize-", name, "-at-", root), cat(doc, " -> ", name, "(x)"),
          op(root).where([recognize](const Node& n) { return find(n, recognize).has_value(); },
                         cat("its factors are not those of ", name)),
          [recognize, name](const Match& m, Graph& g) {
            Found found = *find(m.root(), recognize);
            return g.make(name, {found.x}, std::move(found.attributes));
          }};
}

// What limits one value, and the number that its result is multiplied with.
std::optional<std::pair<const Node*, double>> scaled_clip(const Node& root) {
  if (root.is("Clip")) return std::pair(&root, 1.0);
  const auto f = scaled_function(root.output(), "Clip");
  if (!f || f->offset != 0) return std::nullopt;
  return std::pair<const Node*, double>(f->node, f->slope);
}

// The only value that is no number in the line that a Clip limits.
Value* variable_of(Value* value) {
  while (const Node* n = value->producer()) {
    if (!(n->is("Add") || n->is("Mul") || n->is("Sub") || n->is("Div")) || value->use_count() != 1) break;
    if (splat(n->input(1))) value = n->input(0);
    else if (splat(n->input(0)) && (n->is("Add") || n->is("Mul"))) value = n->input(1);
    else break;
  }
  return value;
}

std::optional<Found> find_hard_sigmoid(const Node& root) {
  const auto clip = scaled_clip(root);
  if (!clip) return std::nullopt;
  Value* x = variable_of(clip->first->input(0));
  if (x == clip->first->input(0) || x->type() != root.output()->type()) return std::nullopt;
  const auto f = hard_sigmoid(clip->second, clip->first, x);
  if (!f) return std::nullopt;
  return Found{x, {{"alpha", f->slope}, {"beta", f->offset}}};
}

Rewrite hard_sigmoid_at(const std::string& root) {
  return {cat("recognize-HardSigmoid-at-", root), "Clip(alpha x + beta, 0, 1) -> HardSigmoid(x)",
          op(root).where([](const Node& n) { return find_hard_sigmoid(n).has_value(); }, "it is no line limited to [0, 1]"),
          [](const Match& m, Graph& g) {
            Found found = *find_hard_sigmoid(m.root());
            return g.make("HardSigmoid", {found.x}, std::move(found.attributes));
          }};
}

}  // namespace

std::vector<Rewrite> gate_rewrites() {
  std::vector<Rewrite> rewrites;
  for (const char* root : {"Mul", "Div"}) {
    rewrites.push_back(gate(root, "Gelu", "x/2 (1 + erf(x / sqrt 2)) or its form with tanh", gelu));
    rewrites.push_back(gate(root, "Swish", "x Sigmoid(alpha x)", swish));
    rewrites.push_back(gate(root, "Mish", "x Tanh(Softplus(x))", mish));
    rewrites.push_back(gate(root, "HardSwish", "x Clip(x + 3, 0, 6) / 6", hard_swish));
  }
  for (const char* root : {"Mul", "Div", "Clip"}) rewrites.push_back(hard_sigmoid_at(root));
  return rewrites;
}

}  // namespace cnnc

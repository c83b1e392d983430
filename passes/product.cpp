#include "passes/product.h"

#include <cmath>

#include "passes/constants.h"

namespace cnnc {

int Product::power_of(const Value* x) const {
  if (factors.size() != 1 || factors.begin()->first != x) return 0;
  return factors.begin()->second;
}

namespace {

constexpr int kMaxExponent = 4;

void add_factors(Value* value, int power, bool outermost, Product& product);

// False when the node is no product of its operands.
bool add_parts(const Node& node, int power, Product& product) {
  if (node.is("Mul")) {
    for (Value* operand : node.inputs()) add_factors(operand, power, false, product);
  } else if (node.is("Neg")) {
    if (power % 2 != 0) product.coefficient = -product.coefficient;
    add_factors(node.input(0), power, false, product);
  } else if (const auto number = node.inputs().size() == 2 ? splat(node.input(1)) : std::nullopt; !number) {
    return false;
  } else if (node.is("Div")) {
    product.coefficient /= std::pow(*number, power);
    add_factors(node.input(0), power, false, product);
  } else if (node.is("Pow") && *number == std::floor(*number) && *number >= 1 && *number <= kMaxExponent) {
    add_factors(node.input(0), power * static_cast<int>(*number), false, product);
  } else {
    return false;
  }
  return true;
}

void add_factors(Value* value, int power, bool outermost, Product& product) {
  if (const auto number = splat(value)) {
    product.coefficient *= std::pow(*number, power);
    return;
  }
  const Node* node = value->producer();
  const bool whole = node == nullptr || !is_float(value->dtype()) || (!outermost && value->use_count() != 1);
  if (whole || !add_parts(*node, power, product)) product.factors[value] += power;
}

}  // namespace

Product product_of(Value* value) {
  Product product;
  add_factors(value, 1, true, product);
  return product;
}

// The operand of an addition that is no number, and the number.
static std::optional<std::pair<Value*, double>> without_offset(Value* value) {
  const Node* node = value->producer();
  if (node == nullptr || !(node->is("Add") || node->is("Sub"))) return std::pair(value, 0.0);
  const bool adds = node->is("Add");
  if (const auto number = splat(node->input(1))) return std::pair(node->input(0), adds ? *number : -*number);
  const auto number = adds ? splat(node->input(0)) : std::nullopt;
  if (!number) return std::nullopt;
  return std::pair(node->input(1), *number);
}

std::optional<ScaledFunction> scaled_function(Value* value, std::string_view op) {
  const auto rest = without_offset(value);
  if (!rest || (rest->first != value && rest->first->use_count() != 1)) return std::nullopt;
  const Product product = product_of(rest->first);
  if (product.factors.size() != 1 || product.factors.begin()->second != 1) return std::nullopt;
  Value* function = product.factors.begin()->first;
  if (function->producer() == nullptr || !function->producer()->is(op) || function->use_count() != 1) return std::nullopt;
  return ScaledFunction{function->producer(), product.coefficient, rest->second};
}

std::optional<ScaledFunction> line(Value* value, const Value* x) {
  if (value == x) return ScaledFunction{};
  const auto rest = without_offset(value);
  if (!rest) return std::nullopt;
  if (rest->first == x) return ScaledFunction{nullptr, 1, rest->second};
  const Product product = product_of(rest->first);
  if (product.power_of(x) != 1) return std::nullopt;
  return ScaledFunction{nullptr, product.coefficient, rest->second};
}

}  // namespace cnnc

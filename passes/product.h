// Values as products: a number times powers of other values, however an exporter has arranged them.
#pragma once
#include <map>
#include <optional>
#include <string_view>

#include "ir/graph.h"

namespace cnnc {

struct Product {
  double coefficient = 1;
  std::map<Value*, int> factors;  // with exponents, none of them 0

  // The exponent when `x` is the only factor, else 0.
  int power_of(const Value* x) const;
};

// Takes Mul, Neg, Pow with a small whole exponent, and Div by a number apart, as long as nothing else uses the parts.
Product product_of(Value* value);

// value = slope * function + offset, where `function` is the result of a node.
struct ScaledFunction {
  Node* node = nullptr;
  double slope = 1, offset = 0;
};
// When the node is of operator `op` and nothing else uses the parts.
std::optional<ScaledFunction> scaled_function(Value* value, std::string_view op);
// value = slope * x + offset; nothing when it is anything else.
std::optional<ScaledFunction> line(Value* value, const Value* x);

}  // namespace cnnc

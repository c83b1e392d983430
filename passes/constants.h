// Constants as rewrites see them.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "passes/pattern.h"

namespace cnnc {

// The tensor of a Constant whose data is known; null otherwise.
const Tensor* known_tensor(const Value* value);
// The number that every element of a constant is.
std::optional<double> splat(const Value* value);
// Whether every element of a constant is `number`, up to the rounding of exporters (1e-6 relative).
bool is_number(const Value* value, double number);
bool nearly_equal(double a, double b);

// A constant whose data is known.
Pattern known_constant(std::string name);
// A constant of which every element is the same number, or this one.
Pattern number(std::string name);
Pattern number(double value);
// Of a root: it has the type of the value bound to `name`, so that this can take its place.
Pattern keeps_type(const Pattern& root, const std::string& name);

// The result of an operator on constants, computed now.
Value* compute_constant(Graph& graph, std::string_view op, std::vector<Value*> constants, Attributes attributes = {});

}  // namespace cnnc

#include "passes/constants.h"

#include <cmath>

namespace cnnc {

const Tensor* known_tensor(const Value* value) {
  const Tensor* tensor = value ? value->constant() : nullptr;
  return tensor && !tensor->is_elided() ? tensor : nullptr;
}

std::optional<double> splat(const Value* value) {
  const Tensor* tensor = known_tensor(value);
  if (tensor == nullptr || tensor->size() == 0 || is_opaque(tensor->dtype())) return std::nullopt;
  const double first = tensor->as_double(0);
  for (int64_t i = 1; i < tensor->size(); ++i)
    if (tensor->as_double(i) != first) return std::nullopt;
  return first;
}

bool nearly_equal(double a, double b) { return a == b || std::abs(a - b) <= 1e-6 * std::abs(b); }

bool is_number(const Value* value, double number) {
  const std::optional<double> found = splat(value);
  return found && nearly_equal(*found, number);
}

Pattern known_constant(std::string name) {
  return constant(std::move(name)).where([](const Value& v) { return known_tensor(&v) != nullptr; }, "its data is not known");
}

Pattern number(std::string name) {
  return constant(std::move(name)).where([](const Value& v) { return splat(&v).has_value(); }, "its elements differ");
}

Pattern number(double value) {
  return constant().where([value](const Value& v) { return splat(&v) == value; }, "it is another number");
}

Pattern keeps_type(const Pattern& root, const std::string& name) {
  return root.where([name](const Match& m) { return m.root().output()->type() == m[name]->type(); },
                    "the result is broadcast to another type");
}

Value* compute_constant(Graph& graph, std::string_view op, std::vector<Value*> constants, Attributes attributes) {
  std::vector<const Tensor*> operands;
  for (const Value* v : constants) operands.push_back(v->constant());
  Node* node = graph.add(op, std::move(constants), std::move(attributes));
  Value* result = graph.constant(std::move(interpret_node(*node, operands)[0]));
  graph.erase(node);
  return result;
}

}  // namespace cnnc

#include "model/bind_symbols.h"

namespace cnnc {

std::unique_ptr<Graph> bind_symbols(const Graph& graph, const std::map<std::string, Dim>& sizes) {
  auto bound = std::make_unique<Graph>(graph.name());
  std::map<const Value*, Value*> values{{nullptr, nullptr}};
  for (const auto& input : graph.inputs()) {
    Type type = input->type();
    for (Dim& dim : type.dims) dim = dim.substitute(sizes);
    values[input.get()] = bound->add_input(std::move(type), input->name());
  }
  for (const auto& node : graph.nodes()) {
    std::vector<Value*> operands;
    for (const Value* operand : node->inputs()) operands.push_back(values.at(operand));
    const Node* copy = bound->clone_node(*node, std::move(operands));
    for (size_t i = 0; i < node->output_count(); ++i) values[node->output(i)] = copy->output(i);
  }
  for (size_t i = 0; i < graph.outputs().size(); ++i)
    bound->add_output(values.at(graph.outputs()[i]), graph.output_names()[i]);
  for (const SizeCondition& condition : graph.conditions())
    if (Dim zero = condition.zero.substitute(sizes); !(zero == 0)) bound->add_condition({zero, condition.text});
  return bound;
}

}  // namespace cnnc

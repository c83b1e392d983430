#include "tests/support/one_node.h"

#include <numeric>

namespace cnnc {

Tensor f32_tensor(Shape shape, const std::vector<float>& values) {
  return Tensor::of(DType::f32, std::move(shape), values);
}

Tensor counting(Shape shape) {
  std::vector<float> values(static_cast<size_t>(element_count(shape)));
  std::iota(values.begin(), values.end(), 1.0f);
  return f32_tensor(std::move(shape), values);
}

std::vector<Tensor> run_op(const char* op, const std::vector<Tensor>& operands,
                           Attributes attributes, int output_count) {
  Graph graph;
  std::vector<Value*> inputs;
  for (const Tensor& t : operands) inputs.push_back(graph.add_input(type_of(t)));
  const Node* node = graph.add(op, inputs, std::move(attributes), output_count);
  for (int i = 0; i < output_count; ++i) graph.add_output(node->output(static_cast<size_t>(i)));
  return interpret(graph, operands);
}

std::vector<float> floats_of(const Tensor& tensor) {
  return {tensor.data<float>(), tensor.data<float>() + tensor.size()};
}

std::string inferred(const char* op, const std::vector<std::vector<std::string>>& operands,
                     Attributes attributes) {
  Graph graph;
  std::vector<Value*> inputs;
  for (const auto& sizes : operands) {
    Type type;
    for (const std::string& size : sizes) type.dims.push_back(Dim::parse(size));
    inputs.push_back(graph.add_input(type));
  }
  return graph.make(op, inputs, std::move(attributes))->type().str();
}

std::string fault_of(const char* op, const std::vector<std::vector<std::string>>& operands,
                     Attributes attributes) {
  try {
    inferred(op, operands, std::move(attributes));
    return "";
  } catch (const Error& error) {
    return error.message();
  }
}

}  // namespace cnnc

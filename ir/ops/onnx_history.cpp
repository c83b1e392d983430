#include "ir/ops/onnx_history.h"

#include "runtime/cnnc.h"

namespace cnnc {

Value* append_axes(Graph& graph, Value* value, int count) {
  if (count <= 0) return value;
  Ints axes;
  for (int i = 0; i < count; ++i) axes.push_back(value->rank() + i);
  return graph.make("Unsqueeze", {value, graph.constant(Tensor::ints(axes))});
}

void align_legacy_broadcast(OnnxNode& node) {
  const std::optional<Attribute> broadcast = node.take("broadcast");
  const std::optional<Attribute> axis = node.take("axis");
  if (!broadcast || !axis || std::get<int64_t>(*broadcast) == 0) return;
  if (node.inputs.size() < 2 || !node.inputs[0] || !node.inputs[1]) return;
  const int rank = node.inputs[0]->rank();
  int64_t first = std::get<int64_t>(*axis);
  if (first < 0) first += rank;
  const int64_t missing = rank - first - node.inputs[1]->rank();
  if (first < 0 || missing < 0)
    throw Error(cat(node.op, ": axis ", std::get<int64_t>(*axis), " does not place ",
                    node.inputs[1]->type(), " inside ", node.inputs[0]->type()));
  node.inputs[1] = append_axes(node.graph, node.inputs[1], static_cast<int>(missing));
}

// The names of TensorProto.DataType, as Cast-1 spells them.
static std::optional<int64_t> legacy_dtype_number(const std::string& name) {
  static const std::map<std::string, int64_t> kNumbers = {
      {"FLOAT", 1}, {"UINT8", 2}, {"INT8", 3},     {"UINT16", 4},  {"INT16", 5},   {"INT32", 6},
      {"INT64", 7}, {"BOOL", 9},  {"FLOAT16", 10}, {"DOUBLE", 11}, {"UINT32", 12}, {"UINT64", 13}};
  auto it = kNumbers.find(name);
  return it == kNumbers.end() ? std::nullopt : std::optional(it->second);
}

// "string (number 8)".
static std::string requested_type(int64_t number) {
  const char* name = cnnc_dtype_name(number > 0 && number < 128 ? static_cast<int32_t>(number) : 0);
  return cat(*name == '?' ? "" : cat(name, " "), "(number ", number, ")");
}

void integer_to_dtype(OnnxNode& node, const std::string& attribute) {
  std::optional<Attribute> value = node.take(attribute);
  if (!value) return;
  if (std::holds_alternative<DType>(*value)) {
    node.attributes[attribute] = *value;
    return;
  }
  std::optional<int64_t> number;
  if (const auto* name = std::get_if<std::string>(&*value)) number = legacy_dtype_number(*name);
  if (const auto* integer = std::get_if<int64_t>(&*value)) number = *integer;
  for (DType dtype : kAllDTypes)
    if (number == static_cast<int64_t>(dtype)) node.attributes[attribute] = dtype;
  if (!node.has(attribute))
    throw Error(cat(node.op, ": attribute ", quoted(attribute), " asks for the element type ",
                    number ? requested_type(*number) : std::string("it names"),
                    ", which is not supported; need a float, integer or bool type"));
}

void attribute_to_scalar_input(OnnxNode& node, const std::string& attribute, size_t position) {
  std::optional<Attribute> value = node.take(attribute);
  if (!value || node.inputs.empty() || !node.inputs[0]) return;
  const auto* number = std::get_if<double>(&*value);
  if (number == nullptr)
    throw Error(
        cat(node.op, ": attribute ", quoted(attribute), " is ", kind_of(*value), ", need a float"));
  if (node.inputs.size() <= position) node.inputs.resize(position + 1, nullptr);
  node.inputs[position] = node.graph.constant(Tensor::scalar(node.inputs[0]->dtype(), *number));
}

}  // namespace cnnc

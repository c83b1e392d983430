#include "frontend/onnx/export_opset.h"

#include <algorithm>

#include "onnx/common/constants.h"

namespace cnnc {

static constexpr int kOldest = 17;

const onnx::OpSchema* schema_of(const Node& node, int opset) {
  return onnx::OpSchemaRegistry::Schema(node.op_name(), opset, node.op().onnx_domain());
}

Attributes written_attributes(const Node& node) {
  Attributes written;
  for (const auto& [name, value] : node.attributes()) {
    const Attribute* fallback = node.op().default_attribute(name);
    if (fallback == nullptr || !equal(*fallback, value)) written[name] = value;
  }
  return written;
}

std::string constraint_name(DType dtype) {
  switch (dtype) {
    case DType::f32: return "tensor(float)";
    case DType::f64: return "tensor(double)";
    case DType::f16: return "tensor(float16)";
    case DType::bf16: return "tensor(bfloat16)";
    case DType::boolean: return "tensor(bool)";
    default: break;
  }
  std::string name(name_of(dtype));  // "i8"
  return "tensor(" + std::string(name[0] == 'u' ? "uint" : "int") + name.substr(1) + ")";
}

// The oldest version from which on the operator has had the IR's form: no upgrade brings it there.
static int form_since(const OpDef& op) {
  int since = 1;
  for (const auto& [last, upgrade] : op.upgrades())
    if (last < 1000) since = std::max(since, last + 1);
  return since;
}

static bool accepts(const onnx::OpSchema::FormalParameter& parameter, DType dtype) {
  const auto& types = parameter.GetTypes();
  const std::string wanted = constraint_name(dtype);
  return types.empty() ||
         std::any_of(types.begin(), types.end(), [&](const std::string* type) { return *type == wanted; });
}

static bool fits(const Node& node, const onnx::OpSchema& schema) {
  for (const auto& [name, value] : written_attributes(node)) {
    const bool is_attribute = schema.attributes().count(name) != 0;
    const bool is_input = std::any_of(schema.inputs().begin(), schema.inputs().end(),
                                      [&, &name = name](const auto& input) { return input.GetName() == name; });
    if (!is_attribute && !is_input) return false;
  }
  for (size_t i = 0; i < node.inputs().size() && i < schema.inputs().size(); ++i)
    if (const Value* value = node.input(i); value && !accepts(schema.inputs()[i], value->dtype())) return false;
  return static_cast<int>(node.inputs().size()) <= schema.max_input();
}

// The oldest opset from `opset` on that has the node; 0 when none does.
static int opset_for(const Node& node, int opset) {
  const int newest = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map().at(onnx::ONNX_DOMAIN).second;
  if (node.op().onnx_versions().empty()) return 0;
  for (int n = std::max(opset, form_since(node.op())); n <= newest; ++n) {
    const onnx::OpSchema* schema = schema_of(node, n);
    if (schema && !schema->Deprecated() && fits(node, *schema)) return n;
  }
  return 0;
}

static void raise_opset(const Graph& graph, int& opset, std::string& refused) {
  for (const auto& node : graph.nodes()) {
    if (node->is("Constant")) continue;
    const int needed = opset_for(*node, opset);
    if (needed == 0) refused += "\n  " + print(*node, {.max_elements = 0, .origins = true});
    opset = std::max(opset, needed);
    for (const auto& [name, value] : node->attributes())
      if (const auto* region = std::get_if<std::shared_ptr<Graph>>(&value)) raise_opset(**region, opset, refused);
  }
}

int choose_opset(const Graph& graph) {
  int opset = kOldest;
  for (int before = 0; before != opset;) {
    before = opset;
    std::string refused;
    raise_opset(graph, opset, refused);
    if (!refused.empty()) throw Error("the graph cannot be written as ONNX, which has no operator for" + refused);
  }
  return opset;
}

int ir_version_for(int opset) {
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  if (opset <= 22) return 10;
  if (opset == 23) return 11;
  if (opset == 24) return 12;
  return opset <= 27 ? 13 : 14;
}

}  // namespace cnnc

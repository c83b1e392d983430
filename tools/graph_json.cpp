#include "tools/graph_json.h"

#include <nlohmann/json.hpp>

#include <map>

namespace cnnc::tools {

using nlohmann::json;

namespace {
class Writer {
 public:
  json graph_of(const Graph& graph) {
    json result = {{"name", graph.name()}, {"inputs", json::array()}, {"nodes", json::array()}, {"outputs", json::array()}};
    for (const auto& input : graph.inputs()) result["inputs"].push_back(value(*input));
    for (const auto& node : graph.nodes()) result["nodes"].push_back(node_of(*node));
    for (size_t i = 0; i < graph.outputs().size(); ++i)
      result["outputs"].push_back({{"name", graph.output_names()[i]}, {"value", id(*graph.outputs()[i])}});
    return result;
  }

 private:
  // Numbers in order of definition, whole over all regions.
  int64_t id(const Value& value) { return ids_.emplace(&value, static_cast<int64_t>(ids_.size())).first->second; }

  json value(const Value& v) {
    json dims = json::array();
    for (const Dim& dim : v.type().dims) dims.push_back(dim.is_const() ? json(dim.value()) : json(dim.str()));
    return {{"value", id(v)}, {"name", v.name()}, {"dtype", name_of(v.dtype())}, {"dims", dims}};
  }

  json node_of(const Node& node) {
    json operands = json::array(), outputs = json::array(), attributes = json::object();
    for (const Value* operand : node.inputs()) operands.push_back(operand != nullptr ? json(id(*operand)) : json(nullptr));
    for (const auto& [name, attribute] : node.attributes()) attributes[name] = attribute_of(attribute);
    for (size_t i = 0; i < node.output_count(); ++i) outputs.push_back(value(*node.output(i)));
    return {{"op", node.op_name()}, {"operands", operands}, {"outputs", outputs},
            {"attributes", attributes}, {"origins", node.origins().names()}};
  }

  json attribute_of(const Attribute& attribute) {
    return std::visit(
        [&](const auto& v) -> json {
          using T = std::decay_t<decltype(v)>;
          if constexpr (std::is_same_v<T, std::shared_ptr<Graph>>) return graph_of(*v);
          else if constexpr (std::is_same_v<T, DType>) return name_of(v);
          else if constexpr (std::is_same_v<T, Tensor>) return type_of(v).str();
          else return v;
        },
        attribute);
  }

  std::map<const Value*, int64_t> ids_;
};
}  // namespace

std::string graph_json(const Graph& graph) {
  json result = Writer().graph_of(graph);
  result["schema"] = 1;
  return result.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace cnnc::tools

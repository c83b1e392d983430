// The part of GraphImporter that imports nodes: operators and calls of functions.
#include <algorithm>
#include <variant>

#include "frontend/onnx/attribute_reader.h"
#include "frontend/onnx/graph_importer.h"
#include "frontend/onnx/node_order.h"

namespace cnnc {

// What nodes are called in the graph: nodes of the model's functions after the call, too, and the
// parts of a standard operator after that operator.
std::string GraphImporter::origin_of(const onnx::NodeProto& proto) const {
  if (calls_.empty()) return name_of(proto);
  return calls_.back().standard ? calls_.back().origin
                                : cat(calls_.back().origin, "/", name_of(proto));
}

void GraphImporter::import_node(Scope& scope, onnx::NodeProto& proto) {
  if (!calls_.empty() && ++function_nodes_ > options_.limits.function_nodes)
    throw Error(cat("its functions expand to more than ", options_.limits.function_nodes, " nodes"),
                Fault::limit);
  const auto count = static_cast<size_t>(proto.output_size());
  Results results(count, Binding{.failed = true});
  try {
    results = import_operation(scope, proto);
    results.resize(count);
  } catch (const DependsOnFailed&) {
  } catch (const Error& e) {
    const bool named = e.message().rfind("node ", 0) == 0;
    const Error error(named ? e.message() : cat(description_of(proto), ": ", e.message()),
                      e.fault());
    if (e.fault() == Fault::internal || e.fault() == Fault::limit) throw error;
    problems_.add(error);
  }
  for (size_t i = 0; i < count; ++i) {
    const std::string& name = proto.output(static_cast<int>(i));
    if (name.empty()) continue;
    if (Value* value = results[i].value;
        value != nullptr && value->name().empty() && !scope.is_function())
      value->set_name(name);
    if (scope.defines(name))
      throw Error(cat(description_of(proto), ": its output ", quoted(name), " is already defined"));
    scope.define(name, results[i]);
  }
}

GraphImporter::Results GraphImporter::import_operation(Scope& scope, onnx::NodeProto& proto) {
  if (onnx::FunctionProto* function = functions_.local(proto))
    return import_call(scope, proto, *function, false);
  const int64_t opset = scope.opsets().version(proto.domain());
  const OpDef* op = find_onnx_op(canonical_domain(proto.domain()), proto.op_type());
  if (op != nullptr && opset >= op->onnx_versions().front())
    return import_operator(scope, proto, *op, opset);
  if (Functions::has_standard(proto, opset)) return import_standard_function(scope, proto, opset);
  note_unsupported(scope, proto, opset);
  throw DependsOnFailed();
}

// Its regions are imported all the same, to find what is not supported inside of them.
void GraphImporter::note_unsupported(Scope& scope, onnx::NodeProto& proto, int64_t opset) {
  std::string reason = reason_unsupported(proto, opset);
  if (!calls_.empty() && calls_.back().standard)
    reason += cat("; it is a part of ", calls_.back().node->op_type());
  problems_.add_operator(reason, origin_of(proto));
  for (onnx::AttributeProto& attribute : *proto.mutable_attribute())
    if (attribute.ref_attr_name().empty() && is_graph(attribute))
      import_region(scope, *attribute.mutable_g(), nullptr);
}

// ---- operators
// -----------------------------------------------------------------------------------------------------

static int output_count_of(const onnx::NodeProto& proto, const OpDef& op) {
  int count = proto.output_size();
  while (count > 0 && proto.output(count - 1).empty()) --count;
  const auto most = static_cast<int>(op.outputs().size());
  if (count > most && !op.outputs().back().variadic)
    throw Error(cat("has ", count, " outputs, gives at most ", most));
  return std::max(count, 1);
}

static bool has_region(const OpDef& op) {
  const auto& attributes = op.attributes();
  return std::any_of(attributes.begin(), attributes.end(), [](const AttributeDef& def) {
    return std::holds_alternative<std::shared_ptr<Graph>>(def.example);
  });
}

// An upgrade may replace the operator, too; then the newer one's upgrades go on from there.
static void upgrade(OnnxNode& node) {
  for (bool found = true; found;) {
    found = false;
    for (const auto& [last, bring_up] : op_named(node.op).upgrades()) {
      if (node.opset > last) continue;
      try {
        bring_up(node);
      } catch (const std::bad_variant_access&) {
        throw Error(cat("an attribute is not of the kind that opset ", node.opset, " gives it"));
      }
      node.opset = int64_t{last} + 1;
      found = true;
      break;
    }
  }
}

GraphImporter::Results GraphImporter::import_operator(Scope& scope, onnx::NodeProto& proto,
                                                      const OpDef& op, int64_t opset) {
  if (has_region(op)) return import_control_flow(scope, proto, op);
  Graph& graph = scope.graph();
  OnnxNode node{op.name(),
                operands_of(scope, proto),
                attributes_of(scope, proto),
                output_count_of(proto, op),
                opset,
                graph,
                options_.for_training};
  graph.set_current_origins({origin_of(proto)});
  upgrade(node);
  const Node* made = graph.add(node.op, node.inputs, std::move(node.attributes), node.output_count);
  Results results;
  for (size_t i = 0; i < made->output_count(); ++i) results.push_back({.value = made->output(i)});
  return results;
}

std::vector<Value*> GraphImporter::operands_of(Scope& scope, const onnx::NodeProto& proto) {
  std::vector<Value*> operands;
  for (const std::string& name : proto.input()) operands.push_back(value_of(scope, name));
  while (!operands.empty() && operands.back() == nullptr) operands.pop_back();
  return operands;
}

Attributes GraphImporter::attributes_of(Scope& scope, onnx::NodeProto& proto, Regions* regions) {
  Attributes attributes;
  for (onnx::AttributeProto& attribute : *proto.mutable_attribute()) {
    // A hint of ONNX's first opsets about reusing memory.
    if (attribute.name() == "consumed_inputs") continue;
    onnx::AttributeProto* value = resolved(attribute, scope.arguments());
    if (value == nullptr) continue;
    if (attributes.count(attribute.name()))
      throw Error(cat("attribute ", quoted(attribute.name()), " is given twice"));
    if (!is_graph(*value)) {
      attributes[attribute.name()] = read_attribute(*value, tensors_);
      continue;
    }
    if (regions == nullptr) throw Error(cat("has no attribute ", quoted(attribute.name())));
    (*regions)[attribute.name()] = value->mutable_g();
  }
  return attributes;
}

// ---- functions
// -----------------------------------------------------------------------------------------------------

GraphImporter::Results GraphImporter::import_standard_function(Scope& scope, onnx::NodeProto& proto,
                                                               int64_t opset) {
  const std::vector<Value*> operands = operands_of(scope, proto);
  onnx::NodeProto node = proto;
  node.clear_attribute();
  for (onnx::AttributeProto& attribute : *proto.mutable_attribute()) {
    const onnx::AttributeProto* value = resolved(attribute, scope.arguments());
    if (value == nullptr) continue;
    onnx::AttributeProto& copy = *node.add_attribute() = *value;
    copy.set_name(attribute.name());
  }
  if (onnx::FunctionProto* function = functions_.standard(node, opset, operands))
    return import_call(scope, proto, *function, true);
  note_unsupported(scope, proto, opset);
  throw DependsOnFailed();
}

// Attributes that the call gives, and the function's own values for the others.
Arguments GraphImporter::arguments_of(Scope& scope, onnx::NodeProto& proto,
                                      onnx::FunctionProto& function) {
  Arguments arguments;
  for (onnx::AttributeProto& attribute : *proto.mutable_attribute()) {
    onnx::AttributeProto* value = resolved(attribute, scope.arguments());
    if (value == nullptr) continue;
    if (is_graph(*value))
      throw Error(cat("passes a graph to a function as attribute ", quoted(attribute.name()),
                      ", which is not supported"));
    arguments[attribute.name()] = value;
  }
  for (onnx::AttributeProto& fallback : *function.mutable_attribute_proto())
    arguments.emplace(fallback.name(), &fallback);
  return arguments;
}

GraphImporter::Results GraphImporter::import_call(Scope& caller, onnx::NodeProto& proto,
                                                  onnx::FunctionProto& function, bool standard) {
  if (std::any_of(calls_.begin(), calls_.end(),
                  [&](const Call& call) { return call.function == &function; }))
    throw Error(cat("function ", quoted(function.name()), " calls itself"));
  if (calls_.size() >= static_cast<size_t>(options_.limits.function_depth))
    throw Error(
        cat("functions call each other more than ", options_.limits.function_depth, " deep"),
        Fault::limit);
  if (proto.input_size() > function.input_size() || proto.output_size() > function.output_size())
    throw Error(cat("has ", proto.input_size(), " inputs and ", proto.output_size(),
                    " outputs, the function has ", function.input_size(), " and ",
                    function.output_size()));

  const Arguments arguments = arguments_of(caller, proto, function);
  Scope scope(caller.graph(), functions_.opsets(function), arguments);
  for (int i = 0; i < function.input_size(); ++i) {
    Binding operand;
    try {
      if (i < proto.input_size()) operand.value = value_of(caller, proto.input(i));
    } catch (const DependsOnFailed&) {
      operand.failed = true;
    }
    scope.define(function.input(i), operand);
  }
  calls_.push_back({&function, &proto, origin_of(proto), standard});
  struct Leave {
    std::vector<Call>& calls;
    ~Leave() { calls.pop_back(); }
  } leave{calls_};
  import_nodes(scope, *function.mutable_node());

  Results results;
  for (int i = 0; i < proto.output_size(); ++i) {
    Scope* where = nullptr;
    const Binding* result = scope.find(function.output(i), &where);
    if (result == nullptr)
      throw Error(cat("nothing in the function defines its output ", quoted(function.output(i))));
    results.push_back(*result);
  }
  return results;
}

}  // namespace cnnc

#include "frontend/onnx/graph_importer.h"

#include <algorithm>

#include "frontend/onnx/input_types.h"
#include "frontend/onnx/node_order.h"

namespace cnnc {

static OpsetTable opsets_of(const onnx::ModelProto& model) {
  OpsetTable opsets(model.opset_import());
  // Before IR version 3 there was one opset, and files did not name it.
  if (opsets.empty() && model.ir_version() < 3) opsets.add("", 1);
  if (opsets.empty()) throw Error("does not say which opset it is written in, or is truncated");
  return opsets;
}

GraphImporter::GraphImporter(onnx::ModelProto& model, std::optional<std::string> folder,
                             const ImportOptions& options)
    : model_(model),
      options_(options),
      tensors_(std::move(folder), options.limits),
      functions_(model),
      opsets_(opsets_of(model)) {}

void GraphImporter::warn(const std::string& message) const {
  if (options_.warn) options_.warn(message);
}

std::unique_ptr<Graph> GraphImporter::import_model() {
  if (model_.ir_version() > onnx::IR_VERSION)
    warn(cat("the file has IR version ", model_.ir_version(), ", the newest known is ",
             int{onnx::IR_VERSION}));
  onnx::GraphProto& proto = *model_.mutable_graph();
  if (proto.output_size() == 0) throw Error("the graph has no outputs");
  auto graph = std::make_unique<Graph>(proto.name().empty() ? "main" : proto.name());
  Scope scope(*graph, opsets_);
  define_initializers(scope, proto);
  import_inputs(scope, proto);
  import_nodes(scope, *proto.mutable_node());
  import_outputs(scope, proto);
  problems_.report();
  graph->set_current_origins({});
  return graph;
}

// ---- a graph's names
// ---------------------------------------------------------------------------------------------------

// They become Constant nodes when a node asks for them, so that unused ones vanish.
void GraphImporter::define_initializers(Scope& scope, onnx::GraphProto& proto) {
  for (onnx::TensorProto& tensor : *proto.mutable_initializer())
    scope.define(tensor.name(), {.tensor = &tensor});
  for (onnx::SparseTensorProto& tensor : *proto.mutable_sparse_initializer())
    scope.define(tensor.values().name(), {.sparse = &tensor});
}

// An input with an initializer is a constant: files before IR version 4 list all weights as inputs.
void GraphImporter::import_inputs(Scope& scope, onnx::GraphProto& proto) {
  std::vector<const onnx::ValueInfoProto*> inputs;
  for (const auto& input : proto.input())
    if (!scope.defines(input.name())) inputs.push_back(&input);
  const std::vector<Type> types = input_types(inputs, options_);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string& name = inputs[i]->name();
    Value* value = scope.graph().add_input(types[i], name);
    if (const auto known = options_.values.find(name); known != options_.values.end())
      value = scope.graph().constant(known->second);
    scope.define(name, {.value = value});
  }
}

void GraphImporter::import_region_inputs(Scope& scope, onnx::GraphProto& proto,
                                         const std::vector<Type>* types) {
  if (types != nullptr && types->size() != static_cast<size_t>(proto.input_size()))
    throw Error(cat("gives ", types->size(), " values to graph ", quoted(proto.name()),
                    ", which takes ", proto.input_size()));
  for (int i = 0; i < proto.input_size(); ++i) {
    const std::string& name = proto.input(i).name();
    Binding binding{.failed = types == nullptr};
    if (types != nullptr)
      binding.value = scope.graph().add_input((*types)[static_cast<size_t>(i)], name);
    if (!scope.defines(name)) scope.define(name, binding);
  }
}

void GraphImporter::import_nodes(Scope& scope,
                                 google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes) {
  for (int index : execution_order(nodes)) import_node(scope, *nodes.Mutable(index));
}

void GraphImporter::import_outputs(Scope& scope, const onnx::GraphProto& proto) {
  for (const auto& output : proto.output()) {
    try {
      Value* value = value_of(scope, output.name());
      if (value == nullptr) throw Error(cat("nothing computes the output ", quoted(output.name())));
      check_declared(*value, output);
      scope.graph().add_output(value, output.name());
    } catch (const DependsOnFailed&) {
      continue;
    } catch (const Error& e) {
      problems_.add(e);
    }
  }
}

// What the file declares is not needed, and wrong in many files.
void GraphImporter::check_declared(const Value& value, const onnx::ValueInfoProto& info) const {
  if (!info.type().has_tensor_type()) return;
  const auto& declared = info.type().tensor_type();
  bool same = declared.elem_type() == 0 || declared.elem_type() == static_cast<int>(value.dtype());
  if (declared.has_shape()) {
    same = same && declared.shape().dim_size() == value.rank();
    for (int a = 0; same && a < value.rank(); ++a) {
      const auto& dim = declared.shape().dim(a);
      if (dim.has_dim_value() && dim.dim_value() >= 0 && value.dim(a).is_const())
        same = dim.dim_value() == value.dim(a).value();
    }
  }
  if (!same)
    warn(cat("output ", quoted(info.name()), " is ", value.type(),
             ", the file declares another type"));
}

// ---- names to values
// ---------------------------------------------------------------------------------------------------

Value* GraphImporter::value_of(Scope& scope, const std::string& name) {
  if (name.empty()) return nullptr;
  Scope* where = nullptr;
  Binding* binding = scope.find(name, &where);
  if (binding == nullptr)
    throw Error(cat("nothing defines ", quoted(name), " in graph ", quoted(scope.graph().name())));
  if (binding->failed) throw DependsOnFailed();
  if (binding->value != nullptr || (binding->tensor == nullptr && binding->sparse == nullptr))
    return binding->value;
  binding->failed = true;  // unless the next lines succeed
  Tensor tensor =
      binding->tensor ? tensors_.read(*binding->tensor) : tensors_.read(*binding->sparse);
  Graph& graph = where->graph();
  const Origins origins = graph.current_origins();
  graph.set_current_origins({});
  binding->value = graph.constant(std::move(tensor));
  binding->value->set_name(name);
  graph.set_current_origins(origins);
  binding->failed = false;
  return binding->value;
}

std::shared_ptr<Graph> GraphImporter::import_region(Scope& outer, onnx::GraphProto& proto,
                                                    const std::vector<Type>* types) {
  auto graph = std::make_shared<Graph>(proto.name().empty() ? "body" : proto.name());
  Scope scope(*graph, outer.opsets(), &outer);
  define_initializers(scope, proto);
  import_region_inputs(scope, proto, types);
  import_nodes(scope, *proto.mutable_node());
  import_outputs(scope, proto);
  graph->set_current_origins({});
  return graph;
}

}  // namespace cnnc

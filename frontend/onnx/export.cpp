#include "frontend/onnx/export.h"

#include <map>
#include <set>

#include "frontend/onnx/export_opset.h"
#include "onnx/onnx_pb.h"
#include "runtime/file_bytes.h"

namespace cnnc {

namespace {

class Exporter {
 public:
  explicit Exporter(const Graph& graph) : graph_(graph), opset_(choose_opset(graph)) {}

  onnx::ModelProto model() {
    onnx::ModelProto model;
    model.set_ir_version(ir_version_for(opset_));
    model.set_producer_name("cnnc");
    for (const std::string& domain : domains(graph_)) {
      auto* import = model.add_opset_import();
      import->set_domain(domain);
      import->set_version(domain.empty() ? opset_ : 1);
    }
    // What the caller sees keeps its name; others may have to give way.
    reserve_names();
    write_graph(graph_, *model.mutable_graph());
    return model;
  }

 private:
  static std::set<std::string> domains(const Graph& graph) {
    std::set<std::string> found{""};
    for (const auto& node : graph.nodes()) found.insert(node->op().onnx_domain());
    return found;
  }

  // ---- names ----
  std::string unique(std::set<std::string>& used, const std::string& wanted) {
    std::string name = wanted;
    for (int i = 1; !used.insert(name).second; ++i) name = cat(wanted, "_", i);
    return name;
  }

  void reserve_names() {
    for (const auto& input : graph_.inputs())
      names_[input.get()] = unique(value_names_, input->name().empty() ? "input" : input->name());
    for (size_t i = 0; i < graph_.outputs().size(); ++i) {
      const Value* value = graph_.outputs()[i];
      const std::string wanted = graph_.output_names()[i].empty() ? "output" : graph_.output_names()[i];
      output_names_.push_back(unique(value_names_, wanted));
      // One value under several names, an input or a constant as output: an Identity gives the name.
      if (value->producer() && !value->producer()->is("Constant")) names_.emplace(value, output_names_[i]);
    }
  }

  const std::string& name_of(const Value& value) {
    const auto it = names_.find(&value);
    if (it != names_.end()) return it->second;
    const std::string wanted = value.name().empty() ? cat("v", names_.size()) : value.name();
    return names_.emplace(&value, unique(value_names_, wanted)).first->second;
  }

  // ---- graphs ----
  void write_graph(const Graph& graph, onnx::GraphProto& proto) {
    proto.set_name(graph.name().empty() ? "main" : graph.name());
    for (const auto& input : graph.inputs()) write_type(*input, name_of(*input), *proto.add_input());
    for (const auto& node : graph.nodes()) {
      if (node->is("Constant")) write_tensor(*node->output()->constant(), name_of(*node->output()), *proto.add_initializer());
      else write_node(*node, proto);
    }
    const bool top = &graph == &graph_;
    for (size_t i = 0; i < graph.outputs().size(); ++i) {
      const Value& value = *graph.outputs()[i];
      const std::string name = top ? output_names_[i] : name_of(value);
      if (name_of(value) != name) write_identity(name_of(value), name, proto);
      write_type(value, name, *proto.add_output());
    }
  }

  static void write_identity(const std::string& from, const std::string& to, onnx::GraphProto& proto) {
    auto* node = proto.add_node();
    node->set_op_type("Identity");
    node->set_name(to);
    node->add_input(from);
    node->add_output(to);
  }

  void write_node(const Node& node, onnx::GraphProto& graph) {
    onnx::NodeProto proto;
    proto.set_op_type(node.op_name());
    proto.set_domain(node.op().onnx_domain());
    proto.set_name(unique(node_names_, node.origins().empty() ? node.op_name() : node.origins().first()));
    const onnx::OpSchema& schema = *schema_of(node, opset_);
    Attributes attributes = written_attributes(node);
    std::map<std::string, Attribute> as_inputs;
    for (auto it = attributes.begin(); it != attributes.end();) {
      if (schema.attributes().count(it->first) != 0) ++it;
      else as_inputs.insert(*it), it = attributes.erase(it);
    }
    if (as_inputs.empty() && !names_differ(node, schema)) write_operands(node, proto);
    else write_named_operands(node, schema, as_inputs, graph, proto);
    for (size_t i = 0; i < node.output_count(); ++i) proto.add_output(name_of(*node.output(i)));
    for (const auto& [name, value] : attributes) write_attribute(name, value, schema, *proto.add_attribute());
    *graph.add_node() = std::move(proto);
  }

  // Whether an operand stands elsewhere in ONNX: the IR has some inputs of ONNX as attributes.
  static bool names_differ(const Node& node, const onnx::OpSchema& schema) {
    const auto& declared = node.op().inputs();
    for (size_t i = 1; i < node.inputs().size() && i < declared.size() && !declared[i].variadic; ++i) {
      if (i < schema.inputs().size() && schema.inputs()[i].GetName() == declared[i].name) continue;
      for (const auto& input : schema.inputs())
        if (input.GetName() == declared[i].name) return true;
    }
    return false;
  }

  void write_operands(const Node& node, onnx::NodeProto& proto) {
    for (const Value* value : node.inputs()) proto.add_input(value ? name_of(*value) : "");
    while (proto.input_size() > 0 && proto.input(proto.input_size() - 1).empty()) proto.mutable_input()->RemoveLast();
  }

  // Operands go where ONNX has an input of their name, and attributes that are inputs there become initializers.
  void write_named_operands(const Node& node, const onnx::OpSchema& schema,
                            const std::map<std::string, Attribute>& attributes, onnx::GraphProto& graph,
                            onnx::NodeProto& proto) {
    std::map<std::string, std::string> by_name;
    for (size_t i = 0; i < node.inputs().size(); ++i)
      if (const Value* value = node.input(i)) by_name[node.op().inputs()[i].name] = name_of(*value);
    for (const auto& [name, value] : attributes) {
      const std::string initializer = unique(value_names_, proto.name() + "/" + name);
      write_tensor(tensor_of(value), initializer, *graph.add_initializer());
      by_name[name] = initializer;
    }
    for (const auto& input : schema.inputs()) {
      const auto it = by_name.find(input.GetName());
      proto.add_input(it == by_name.end() ? "" : it->second);
    }
    while (proto.input_size() > 0 && proto.input(proto.input_size() - 1).empty()) proto.mutable_input()->RemoveLast();
  }

  static Tensor tensor_of(const Attribute& value) {
    if (const auto* floats = std::get_if<Floats>(&value))
      return Tensor::of<float>(DType::f32, {static_cast<int64_t>(floats->size())},
                               std::vector<float>(floats->begin(), floats->end()));
    if (const auto* ints = std::get_if<Ints>(&value)) return Tensor::ints(*ints);
    if (const auto* number = std::get_if<double>(&value)) return Tensor::scalar(DType::f32, *number);
    if (const auto* number = std::get_if<int64_t>(&value)) return Tensor::scalar(DType::i64, static_cast<double>(*number));
    if (const auto* tensor = std::get_if<Tensor>(&value)) return *tensor;
    throw Error(cat(kind_of(value), " cannot be an input of an ONNX node"));
  }

  // ---- parts ----
  void write_attribute(const std::string& name, const Attribute& value, const onnx::OpSchema&,
                       onnx::AttributeProto& proto) {
    using Proto = onnx::AttributeProto;
    proto.set_name(name);
    if (const auto* v = std::get_if<int64_t>(&value)) proto.set_type(Proto::INT), proto.set_i(*v);
    else if (const auto* d = std::get_if<double>(&value)) proto.set_type(Proto::FLOAT), proto.set_f(static_cast<float>(*d));
    else if (const auto* s = std::get_if<std::string>(&value)) proto.set_type(Proto::STRING), proto.set_s(*s);
    else if (const auto* t = std::get_if<DType>(&value)) proto.set_type(Proto::INT), proto.set_i(static_cast<int>(*t));
    else if (const auto* i = std::get_if<Ints>(&value)) {
      proto.set_type(Proto::INTS);
      proto.mutable_ints()->Assign(i->begin(), i->end());
    } else if (const auto* f = std::get_if<Floats>(&value)) {
      proto.set_type(Proto::FLOATS);
      for (const double x : *f) proto.add_floats(static_cast<float>(x));
    } else if (const auto* texts = std::get_if<Strings>(&value)) {
      proto.set_type(Proto::STRINGS);
      for (const std::string& text : *texts) proto.add_strings(text);
    } else if (const auto* tensor = std::get_if<Tensor>(&value)) {
      proto.set_type(Proto::TENSOR);
      write_tensor(*tensor, "", *proto.mutable_t());
    } else {
      proto.set_type(Proto::GRAPH);
      write_graph(*std::get<std::shared_ptr<Graph>>(value), *proto.mutable_g());
    }
  }

  static void write_tensor(const Tensor& tensor, const std::string& name, onnx::TensorProto& proto) {
    if (tensor.is_elided()) throw Error("the graph lacks the data of its constants: " + name);
    proto.set_name(name);
    proto.set_data_type(static_cast<int>(tensor.dtype()));
    for (const int64_t size : tensor.shape()) proto.add_dims(size);
    proto.set_raw_data(tensor.raw(), tensor.bytes());
  }

  static void write_type(const Value& value, const std::string& name, onnx::ValueInfoProto& proto) {
    proto.set_name(name);
    auto* type = proto.mutable_type()->mutable_tensor_type();
    type->set_elem_type(static_cast<int>(value.dtype()));
    auto* shape = type->mutable_shape();
    for (const Dim& size : value.type().dims) {
      auto* dim = shape->add_dim();
      if (size.is_const()) dim->set_dim_value(size.value());
      else dim->set_dim_param(size.as_symbol().value_or(size.str()));
    }
  }

  const Graph& graph_;
  int opset_;
  std::map<const Value*, std::string> names_;
  std::set<std::string> value_names_, node_names_;
  std::vector<std::string> output_names_;
};

}  // namespace

std::string export_onnx_bytes(const Graph& graph) {
  const onnx::ModelProto model = Exporter(graph).model();
  if (model.ByteSizeLong() > 0x7fffffff) throw Error("the model is larger than the 2 GB that an ONNX file can hold", Fault::limit);
  std::string bytes;
  if (!model.SerializeToString(&bytes)) throw Error("the model cannot be serialized", Fault::internal);
  return bytes;
}

void export_onnx_file(const Graph& graph, const std::string& path) {
  const std::string bytes = export_onnx_bytes(graph);
  FileWriter file;
  ErrorText error;
  if (!file.open(path.c_str(), &error) || !file.write(bytes.data(), bytes.size(), &error) || !file.commit(&error))
    throw Error(error.text, Fault::file);
}

}  // namespace cnnc

// A parsed model to Graph.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frontend/onnx/functions.h"
#include "frontend/onnx/problems.h"
#include "frontend/onnx/scope.h"
#include "frontend/onnx/tensor_reader.h"
#include "ir/op_def.h"

namespace cnnc {

class GraphImporter {
 public:
  // Takes tensors out of `model`, which must outlive this. External data lies below `folder`, if
  // there is one.
  GraphImporter(onnx::ModelProto& model, std::optional<std::string> folder,
                const ImportOptions& options);

  std::unique_ptr<Graph> import_model();

 private:
  // What a node has become: one binding for each of its outputs.
  using Results = std::vector<Binding>;
  // Graphs that are attributes of a node.
  using Regions = std::map<std::string, onnx::GraphProto*>;
  // Thrown where a node needs what could not be imported: that is not worth another message.
  struct DependsOnFailed {};
  // A function that is being expanded.
  struct Call {
    const onnx::FunctionProto* function;
    const onnx::NodeProto* node;
    std::string origin;
    bool standard;  // ONNX's own, so that the nodes inside mean nothing to the user
  };

  // ---- graph_importer.cpp: graphs and names ----
  void define_initializers(Scope& scope, onnx::GraphProto& proto);
  void import_inputs(Scope& scope, onnx::GraphProto& proto);
  void import_region_inputs(Scope& scope, onnx::GraphProto& proto, const std::vector<Type>* types);
  void import_nodes(Scope& scope, google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes);
  void import_outputs(Scope& scope, const onnx::GraphProto& proto);
  void check_declared(const Value& value, const onnx::ValueInfoProto& info) const;
  // `types`: of the region's inputs; null where they are not known, so that what uses them fails.
  std::shared_ptr<Graph> import_region(Scope& outer, onnx::GraphProto& proto,
                                       const std::vector<Type>* types);
  // The value that a name stands for, null for an absent operand; throws DependsOnFailed, or Error
  // when undefined.
  Value* value_of(Scope& scope, const std::string& name);
  void warn(const std::string& message) const;

  // ---- control_flow_importer.cpp: If, Scan and Loop ----
  Results import_control_flow(Scope& scope, onnx::NodeProto& proto, const OpDef& op);
  Results import_branch(Scope& scope, onnx::GraphProto& proto);
  std::shared_ptr<Graph> required_region(Scope& scope, const Regions& regions, const char* name,
                                         const std::vector<Type>& types);
  Results import_if(Scope& scope, onnx::NodeProto& proto);
  Results import_loop(Scope& scope, onnx::NodeProto& proto);
  Results import_whole_loop(Scope& scope, onnx::NodeProto& proto, std::vector<Value*> operands,
                            Attributes attributes, const Regions& regions);
  Results import_trip(Scope& scope, onnx::GraphProto& body, const Results& inputs);
  Results unroll_loop(Scope& scope, const std::vector<Value*>& operands,
                      onnx::GraphProto& body, int64_t trips);
  Results import_scan(Scope& scope, onnx::NodeProto& proto);

  // ---- node_importer.cpp: nodes and calls ----
  void import_node(Scope& scope, onnx::NodeProto& proto);
  Results import_operation(Scope& scope, onnx::NodeProto& proto);
  Results import_operator(Scope& scope, onnx::NodeProto& proto, const OpDef& op, int64_t opset);
  Results import_standard_function(Scope& scope, onnx::NodeProto& proto, int64_t opset);
  Results import_call(Scope& scope, onnx::NodeProto& proto, onnx::FunctionProto& function,
                      bool standard);
  void note_unsupported(Scope& scope, onnx::NodeProto& proto, int64_t opset);
  std::vector<Value*> operands_of(Scope& scope, const onnx::NodeProto& proto);
  // Graphs among them go to `regions`; an operator without regions has none.
  Attributes attributes_of(Scope& scope, onnx::NodeProto& proto, Regions* regions = nullptr);
  Arguments arguments_of(Scope& scope, onnx::NodeProto& proto, onnx::FunctionProto& function);
  std::string origin_of(const onnx::NodeProto& proto) const;

  onnx::ModelProto& model_;
  const ImportOptions& options_;
  TensorReader tensors_;
  Functions functions_;
  OpsetTable opsets_;
  Problems problems_;
  std::vector<Call> calls_;  // outermost first
  int64_t function_nodes_ = 0;
};

}  // namespace cnnc

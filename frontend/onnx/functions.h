// Operators that are given as graphs of other operators, by the model or by the ONNX standard.
#pragma once
#include <deque>
#include <map>
#include <tuple>

#include "frontend/onnx/opset_table.h"
#include "ir/graph.h"
#include "onnx/onnx_pb.h"

namespace onnx {
class OpSchema;
}

namespace cnnc {

class Functions {
 public:
  // Throws Error when the model defines one twice.
  explicit Functions(onnx::ModelProto& model);

  // The model's own; null when it has none of that name.
  onnx::FunctionProto* local(const onnx::NodeProto& node);
  // Whether the ONNX standard gives the operator as a graph.
  static bool has_standard(const onnx::NodeProto& node, int64_t opset);
  // What the ONNX standard defines the operator as, which may depend on the types of the operands
  // (null where absent); null when ONNX defines it in words only. The result lives as long as this.
  onnx::FunctionProto* standard(const onnx::NodeProto& node, int64_t opset,
                                const std::vector<Value*>& operands);
  // Versions that the function's body is written in.
  const OpsetTable& opsets(const onnx::FunctionProto& function);

 private:
  onnx::FunctionProto* made_for(const onnx::OpSchema& schema, const onnx::NodeProto& node,
                                int version, const std::vector<Value*>& operands);

  std::map<std::tuple<std::string, std::string, std::string>, onnx::FunctionProto*> local_;
  std::map<const void*, onnx::FunctionProto*> fixed_;  // by the schema's function
  std::deque<onnx::FunctionProto> made_;
  std::map<const onnx::FunctionProto*, OpsetTable> opsets_;
};

// Why an operator that nothing stands for is not supported: "operator Foo does not exist in ONNX",
// ...
std::string reason_unsupported(const onnx::NodeProto& node, int64_t opset);

}  // namespace cnnc

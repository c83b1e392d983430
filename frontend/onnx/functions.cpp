#include "frontend/onnx/functions.h"

#include "ir/error.h"
#include "onnx/defs/schema.h"

namespace cnnc {
namespace {

const onnx::OpSchema* schema_of(const onnx::NodeProto& node, int64_t opset) {
  return onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(opset),
                                        canonical_domain(node.domain()));
}

onnx::TypeProto onnx_type(const Value* value) {
  onnx::TypeProto proto;
  if (value == nullptr) return proto;
  auto* tensor = proto.mutable_tensor_type();
  tensor->set_elem_type(static_cast<int>(value->dtype()));
  tensor->mutable_shape();
  for (const Dim& dim : value->type().dims) {
    auto* out = tensor->mutable_shape()->add_dim();
    if (dim.is_const())
      out->set_dim_value(dim.value());
    else
      out->set_dim_param(dim.str());
  }
  return proto;
}

}  // namespace

Functions::Functions(onnx::ModelProto& model) {
  for (onnx::FunctionProto& function : *model.mutable_functions()) {
    const auto key =
        std::tuple(canonical_domain(function.domain()), function.name(), function.overload());
    if (!local_.emplace(key, &function).second)
      throw Error(cat("function ", quoted(qualified(function.domain(), function.name())),
                      " is defined twice"));
  }
}

onnx::FunctionProto* Functions::local(const onnx::NodeProto& node) {
  const auto it =
      local_.find(std::tuple(canonical_domain(node.domain()), node.op_type(), node.overload()));
  return it == local_.end() ? nullptr : it->second;
}

bool Functions::has_standard(const onnx::NodeProto& node, int64_t opset) {
  const onnx::OpSchema* schema = schema_of(node, opset);
  return schema != nullptr && (schema->HasFunction() || schema->HasContextDependentFunction());
}

onnx::FunctionProto* Functions::standard(const onnx::NodeProto& node, int64_t opset,
                                         const std::vector<Value*>& operands) {
  const onnx::OpSchema* schema = schema_of(node, opset);
  if (schema == nullptr) return nullptr;
  const int version = static_cast<int>(opset);
  if (const onnx::FunctionProto* fixed = schema->GetFunction(version)) {
    onnx::FunctionProto*& known = fixed_[fixed];
    // A copy, for import takes tensors out of it.
    if (known == nullptr) known = &made_.emplace_back(*fixed);
    return known;
  }
  return made_for(*schema, node, version, operands);
}

// The body is asked for in the version that it was written in, which is then also what it says it
// imports.
onnx::FunctionProto* Functions::made_for(const onnx::OpSchema& schema, const onnx::NodeProto& node,
                                         int version, const std::vector<Value*>& operands) {
  while (version > 0 && !schema.HasContextDependentFunctionWithOpsetVersion(version)) --version;
  if (version == 0) return nullptr;
  std::vector<onnx::TypeProto> types;
  for (const Value* operand : operands) types.push_back(onnx_type(operand));
  onnx::FunctionProto& made = made_.emplace_back();
  try {
    const onnx::FunctionBodyBuildContextImpl context(node, types);
    return schema.BuildContextDependentFunction(context, made, version) ? &made : nullptr;
  } catch (const std::exception& e) {
    throw Error(cat("its attributes or operands do not fit the operator: ", e.what()));
  }
}

const OpsetTable& Functions::opsets(const onnx::FunctionProto& function) {
  const auto it = opsets_.find(&function);
  return it != opsets_.end()
             ? it->second
             : opsets_.emplace(&function, OpsetTable(function.opset_import())).first->second;
}

std::string reason_unsupported(const onnx::NodeProto& node, int64_t opset) {
  const std::string op = quoted(qualified(node.domain(), node.op_type()));
  const std::string name = "operator " + op.substr(1, op.size() - 2);
  const std::string domain = canonical_domain(node.domain());
  const auto& known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  if (known.count(domain) == 0)
    return cat(name, " is not part of ONNX; export the model with standard operators only");
  if (schema_of(node, opset) != nullptr) return cat(name, " of opset ", opset, " is not supported");
  const onnx::OpSchema* newest = onnx::OpSchemaRegistry::Schema(node.op_type(), domain);
  if (newest == nullptr) return cat(name, " does not exist in ONNX");
  return cat(name, " does not exist in opset ", opset, ", only in opset ", newest->since_version());
}

}  // namespace cnnc

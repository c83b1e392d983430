#include "frontend/onnx/attribute_reader.h"

#include "ir/error.h"

namespace cnnc {

using Proto = onnx::AttributeProto;

// Files older than IR version 2 leave the type out and fill one field.
static Proto::AttributeType kind_in(const Proto& proto) {
  if (proto.type() != Proto::UNDEFINED) return proto.type();
  if (proto.has_f()) return Proto::FLOAT;
  if (proto.has_i()) return Proto::INT;
  if (proto.has_s()) return Proto::STRING;
  if (proto.has_t()) return Proto::TENSOR;
  if (proto.has_g()) return Proto::GRAPH;
  if (proto.floats_size() > 0) return Proto::FLOATS;
  if (proto.strings_size() > 0) return Proto::STRINGS;
  return Proto::INTS;
}

bool is_graph(const Proto& proto) { return kind_in(proto) == Proto::GRAPH; }

Proto* resolved(Proto& proto, const Arguments* arguments) {
  if (proto.ref_attr_name().empty()) return &proto;
  if (arguments == nullptr)
    throw Error(cat("attribute ", quoted(proto.name()),
                    " refers to an attribute of a function, but this is none"));
  const auto it = arguments->find(proto.ref_attr_name());
  return it == arguments->end() ? nullptr : it->second;
}

Attribute read_attribute(Proto& proto, TensorReader& tensors) {
  switch (kind_in(proto)) {
    case Proto::FLOAT:
      return static_cast<double>(proto.f());
    case Proto::INT:
      return proto.i();
    case Proto::STRING:
      return proto.s();
    case Proto::TENSOR:
      return tensors.read(*proto.mutable_t());
    case Proto::SPARSE_TENSOR:
      return tensors.read(*proto.mutable_sparse_tensor());
    case Proto::FLOATS:
      return Floats(proto.floats().begin(), proto.floats().end());
    case Proto::INTS:
      return Ints(proto.ints().begin(), proto.ints().end());
    case Proto::STRINGS:
      return Strings(proto.strings().begin(), proto.strings().end());
    default:
      break;
  }
  const std::string kind = Proto::AttributeType_IsValid(proto.type())
                               ? Proto::AttributeType_Name(proto.type())
                               : cat("number ", static_cast<int>(proto.type()));
  throw Error(
      cat("attribute ", quoted(proto.name()), " has the kind ", kind, ", which is not supported"));
}

}  // namespace cnnc

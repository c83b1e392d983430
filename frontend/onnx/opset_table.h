// Which version of each operator domain a model or a function is written in.
#pragma once
#include <map>
#include <string>

#include "onnx/onnx_pb.h"

namespace cnnc {

// ONNX's own domain has two spellings; "" is the one used inside.
std::string canonical_domain(const std::string& domain);
// "Conv", "com.microsoft:Gelu".
std::string qualified(const std::string& domain, const std::string& op);

class OpsetTable {
 public:
  OpsetTable() = default;
  using Imports = google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>;
  // Throws Error for versions that ONNX does not have or that are newer than what is known.
  explicit OpsetTable(const Imports& imports);

  // Throws Error when the domain is not imported.
  int64_t version(const std::string& domain) const;
  void add(const std::string& domain, int64_t version);
  bool empty() const { return versions_.empty(); }

 private:
  std::map<std::string, int64_t> versions_;
};

}  // namespace cnnc

#include "frontend/onnx/opset_table.h"

#include "ir/error.h"
#include "onnx/defs/schema.h"

namespace cnnc {

std::string canonical_domain(const std::string& domain) {
  return domain == "ai.onnx" ? "" : domain;
}

std::string qualified(const std::string& domain, const std::string& op) {
  const std::string canonical = canonical_domain(domain);
  return canonical.empty() ? op : cat(canonical, ":", op);
}

OpsetTable::OpsetTable(const Imports& imports) {
  for (const auto& import : imports) add(import.domain(), import.version());
}

void OpsetTable::add(const std::string& domain, int64_t version) {
  const std::string name = canonical_domain(domain);
  const std::string shown = quoted(name.empty() ? "ai.onnx" : name);
  const auto& known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  if (version < 1)
    throw Error(cat("imports opset ", version, " of domain ", shown, "; versions begin at 1"));
  if (const auto it = known.find(name); it != known.end() && version > it->second.second)
    throw Error(cat("imports opset ", version, " of domain ", shown, ", the newest known is ",
                    it->second.second, "; export the model with an older opset"));
  const auto [it, inserted] = versions_.emplace(name, version);
  if (!inserted && it->second != version)
    throw Error(cat("imports two versions of domain ", shown, ", ", it->second, " and ", version));
}

int64_t OpsetTable::version(const std::string& domain) const {
  const auto it = versions_.find(canonical_domain(domain));
  if (it == versions_.end())
    throw Error(cat("its domain ", quoted(domain.empty() ? "ai.onnx" : domain),
                    " is not among the opset imports"));
  return it->second;
}

}  // namespace cnnc

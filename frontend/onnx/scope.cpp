#include "frontend/onnx/scope.h"

#include "ir/error.h"

namespace cnnc {

void Scope::define(std::string_view name, Binding binding) {
  if (!names_.emplace(name, binding).second)
    throw Error(cat(quoted(std::string(name)), " is defined twice"));
}

Binding* Scope::find(std::string_view name, Scope** where) {
  for (Scope* scope = this; scope != nullptr; scope = scope->outer_) {
    const auto it = scope->names_.find(name);
    if (it == scope->names_.end()) continue;
    *where = scope;
    return &it->second;
  }
  return nullptr;
}

}  // namespace cnnc

#include "ir/attribute.h"

#include "ir/graph.h"

namespace cnnc {

bool equal(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) return false;
  if (const auto* tensor = std::get_if<Tensor>(&a)) return tensor->identical(std::get<Tensor>(b));
  if (const auto* region = std::get_if<std::shared_ptr<Graph>>(&a)) {
    const PrintOptions all{.max_elements = -1, .origins = false};
    return print(**region, all) == print(*std::get<std::shared_ptr<Graph>>(b), all);
  }
  return std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, Tensor> || std::is_same_v<T, std::shared_ptr<Graph>>) return false;
        else return value == std::get<T>(b);
      },
      a);
}

bool equal(const Attributes& a, const Attributes& b) {
  if (a.size() != b.size()) return false;
  for (auto i = a.begin(), j = b.begin(); i != a.end(); ++i, ++j)
    if (i->first != j->first || !equal(i->second, j->second)) return false;
  return true;
}

const char* kind_of(const Attribute& attribute) {
  static const char* kKinds[] = {"an integer",       "a float",         "a string", "an element type", "a list of integers",
                                 "a list of floats", "a list of strings", "a tensor", "a graph"};
  return kKinds[attribute.index()];
}

}  // namespace cnnc

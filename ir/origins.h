// Where a node comes from: the names of the source nodes that it stands for.
#pragma once
#include <initializer_list>
#include <memory>
#include <string>

#include "ir/attribute.h"

namespace cnnc {

// A set of names that only grows. Passes join sets all the time and nearly nobody reads them, so a joined set refers to its
// parts and joining takes constant time: a chain of 100,000 nodes that becomes one node does not copy 100,000 names each time.
class Origins {
 public:
  Origins() = default;
  Origins(Strings names);  // in any order
  Origins(std::initializer_list<std::string> names) : Origins(Strings(names)) {}

  bool empty() const { return part_ == nullptr; }
  // The first name in order; the set must not be empty.
  const std::string& first() const;
  // All names, sorted. Takes time for all of them.
  Strings names() const;
  bool contains(const std::string& name) const;

  void join(const Origins& other);

 private:
  struct Part;
  std::shared_ptr<Part> part_;  // null: empty
};

}  // namespace cnnc

// Everything that keeps a model from being imported, told at once.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "ir/error.h"

namespace cnnc {

class Problems {
 public:
  // The operator of `node` is not supported; `reason` is one sentence, the same for all nodes of
  // this operator.
  void add_operator(const std::string& reason, const std::string& node);
  void add(const Error& error) { others_.push_back(error); }
  bool empty() const { return operators_.empty() && others_.empty(); }
  // Throws an Error with all of it, if there is anything.
  void report() const;

 private:
  std::map<std::string, std::vector<std::string>> operators_;  // reason to nodes
  std::vector<Error> others_;
};

}  // namespace cnnc

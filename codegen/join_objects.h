// Object files that were generated side by side become one.
#pragma once
#include <vector>

namespace cnnc::codegen {

// One relocatable object with the sections of all, in their order. A hidden symbol that one of them defines binds the
// others' references to it and is local to the result, so that results can be linked with each other.
std::vector<char> join_objects(const std::vector<std::vector<char>>& objects);

}  // namespace cnnc::codegen

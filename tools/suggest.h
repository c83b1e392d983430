#pragma once
#include <string>
#include <vector>

namespace cnnc::tools {

// "; did you mean 'compile'?" for the known word that is most like `word`, or "" when none is like it.
std::string suggestion(const std::string& word, const std::vector<std::string>& known);

}  // namespace cnnc::tools

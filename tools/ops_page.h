#pragma once
#include <string>

namespace cnnc::tools {

// The page docs/ops.md: every operator with operands, attributes and ONNX versions, in Markdown.
std::string ops_page();

}  // namespace cnnc::tools

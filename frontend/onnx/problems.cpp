#include "frontend/onnx/problems.h"

#include <algorithm>

namespace cnnc {

static constexpr size_t kMostLines = 50;
static constexpr size_t kMostNodes = 3;

void Problems::add_operator(const std::string& reason, const std::string& node) {
  operators_[reason].push_back(node);
}

static std::string line_of(const std::string& reason, const std::vector<std::string>& nodes) {
  std::string names;
  for (size_t i = 0; i < std::min(nodes.size(), kMostNodes); ++i)
    names += (i ? ", " : " ") + quoted(nodes[i]);
  if (nodes.size() > kMostNodes) names += ", ...";
  return cat(reason, " (", nodes.size(), nodes.size() == 1 ? " node:" : " nodes:", names, ")");
}

void Problems::report() const {
  if (empty()) return;
  std::vector<std::string> lines;
  for (const auto& [reason, nodes] : operators_) lines.push_back(line_of(reason, nodes));
  for (const Error& error : others_) lines.push_back(error.message());

  const bool one_kind =
      operators_.empty() && std::all_of(others_.begin(), others_.end(), [&](const Error& e) {
        return e.fault() == others_[0].fault();
      });
  const Fault fault = one_kind ? others_[0].fault() : Fault::model;
  if (lines.size() == 1) throw Error(lines[0], fault);
  std::string text = cat("cannot be imported, for ", lines.size(), " reasons:");
  for (size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) text += "\n  " + lines[i];
  if (lines.size() > kMostLines) text += cat("\n  and ", lines.size() - kMostLines, " more");
  throw Error(text, fault);
}

}  // namespace cnnc

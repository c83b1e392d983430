// Rewrites: local changes of graphs as data, and the driver that applies them.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "passes/pattern.h"

namespace cnnc {

// The values that take the place of the root's outputs: one, or one for each output.
struct Replacement {
  Replacement(Value* value) : values{value} {}  // NOLINT: a value is a replacement
  Replacement(std::vector<Value*> values) : values(std::move(values)) {}  // NOLINT
  std::vector<Value*> values;
};

struct Rewrite {
  std::string name;
  std::string doc;  // "before -> after"
  Pattern pattern;
  // Builds new nodes at the graph's insertion point, which is in front of the root, and changes nothing else. Whether the
  // rewrite applies is the pattern's question.
  std::function<Replacement(const Match&, Graph&)> replacement;
};

// Told for every node that could be a rewrite's root: `reason` is why it did not match, or empty when it fired.
using ExplainFn = std::function<void(const Rewrite&, const Node& root, const std::string& reason)>;

// Applies the rewrites everywhere until none fires; true when one did. New nodes get the origins of all nodes of the match;
// matched nodes without further uses are erased. Bodies of Fused nodes stay as they are. A set that does not come to an end
// is our fault: CNNC_CHECK.
bool apply_rewrites(Graph& graph, const std::vector<Rewrite>& rewrites, const ExplainFn& explain = nullptr);

// Erases a pure node without uses and then what only it used.
void erase_if_dead(Node* node);

}  // namespace cnnc

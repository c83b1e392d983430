#include <algorithm>

#include "ir/error.h"
#include "ir/op_def.h"
#include "passes/passes.h"
#include "passes/regions.h"

namespace cnnc {
namespace {

// Results may be larger than their operands (Expand, Tile, ConstantOfShape); executables should not grow with them.
constexpr int64_t kAlwaysFolded = 64 << 10;
constexpr int64_t kMaxGrowth = 4;

bool is_small_enough(const Node& node) {
  int64_t operands = 0, results = 0;
  for (const Value* v : node.inputs())
    if (v) operands += static_cast<int64_t>(v->constant()->bytes());
  for (size_t i = 0; i < node.output_count(); ++i) {
    const Type& type = node.output(i)->type();
    if (!type.is_static()) return false;
    results += type.bytes().value();
  }
  return results <= std::max(kAlwaysFolded, kMaxGrowth * operands);
}

// Has operands, and all of them are constants with data.
bool is_constant_expression(const Node& node) {
  bool any = false;
  for (const Value* v : node.inputs()) {
    if (v == nullptr) continue;
    const Tensor* constant = v->constant();
    if (constant == nullptr || constant->is_elided()) return false;
    any = true;
  }
  return any;
}

void replace_by_constant(Value& value, Tensor tensor) {
  Node& node = *value.producer();
  const InsertBefore here(node);
  Graph& graph = node.graph();
  graph.replace_uses(&value, graph.constant(std::move(tensor)));
}

bool fold_node(Node& node) {
  if (!can_interpret(node.op()) || !is_constant_expression(node) || !is_small_enough(node)) return false;
  std::vector<const Tensor*> operands;
  for (const Value* v : node.inputs()) operands.push_back(v ? v->constant() : nullptr);
  std::vector<Tensor> results = interpret_node(node, operands);
  bool changed = false;
  for (size_t i = 0; i < results.size(); ++i) {
    if (node.output(i)->use_count() == 0) continue;
    replace_by_constant(*node.output(i), std::move(results[i]));
    changed = true;
  }
  return changed;
}

// A shape computation whose result is known though its operands are no constants.
bool fold_known_content(Value& value) {
  const auto content = value.known_ints();
  if (!content || value.use_count() == 0 || !value.type().is_static()) return false;
  Tensor tensor(value.dtype(), value.type().shape());
  if (tensor.size() != static_cast<int64_t>(content->size())) return false;
  for (int64_t i = 0; i < tensor.size(); ++i) tensor.set_int(i, (*content)[static_cast<size_t>(i)]);
  replace_by_constant(value, std::move(tensor));
  return true;
}

bool fold(Graph& graph) {
  bool changed = false;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node* node = (it++)->get();
    for_each_region(*node, [&](Graph& region) { changed |= fold(region); });
    if (node->is("Constant") || !node->op().is_pure()) continue;
    bool folded = fold_node(*node);
    for (size_t i = 0; i < node->output_count(); ++i) folded |= fold_known_content(*node->output(i));
    if (folded) erase_if_dead(node);
    changed |= folded;
  }
  return changed;
}

}  // namespace

Pass fold_constants() {
  return {"fold-constants", "Computes what depends on constants only, and shapes that are known.",
          [](Graph& graph, const Target&) { return fold(graph); }, nullptr};
}

}  // namespace cnnc

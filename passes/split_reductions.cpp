// A long reduction to few elements becomes two: many partial results, which are tasks for all threads, and their sum.
#include "ir/op_def.h"
#include "ir/ops/graph_parts.h"
#include "passes/passes.h"

namespace cnnc {

namespace {

// Fewer results than this leave threads without work.
constexpr int64_t kFewResults = 1024;
// Elements that each partial result should have.
constexpr int64_t kLongPart = 256;

// What brings the partial results together; null where a reduction of reductions is something else.
const char* second_reduction(const std::string& op) {
  static const std::map<std::string, const char*> kSecond = {
      {"ReduceSum", "ReduceSum"}, {"ReduceMean", "ReduceMean"},  {"ReduceMax", "ReduceMax"},
      {"ReduceMin", "ReduceMin"}, {"ReduceSumSquare", "ReduceSum"}, {"ReduceL1", "ReduceSum"}};
  const auto it = kSecond.find(op);
  return it == kSecond.end() ? nullptr : it->second;
}

std::vector<int> axes_of(const Node& node) {
  const std::optional<Ints> axes = node.input(1) ? node.input(1)->known_ints() : std::nullopt;
  return axes ? OpContext(node).axes(*axes, node.input(0)->rank()) : std::vector<int>{};
}

// Reduces the first axis last, when it is one of several and the others leave the last axis alone: then the results are
// neighbours, and one loop over them is all that vectors can do.
bool is_worth_splitting(const Node& node) {
  const std::vector<int> axes = axes_of(node);
  const Value& x = *node.input(0);
  if (axes.size() < 2 || !is_float(x.dtype())) return false;
  Dim part = 1, results = 1;
  bool first = false, last = false;
  for (int a = 0; a < x.rank(); ++a) {
    const bool reduced = std::find(axes.begin(), axes.end(), a) != axes.end();
    first |= reduced && a == 0;
    last |= reduced && a == x.rank() - 1;
    if (reduced && a != 0) part = part * x.dim(a);
    if (!reduced) results = results * x.dim(a);
  }
  return first && !last && !(x.dim(0) == 1) && part.is_const() && part.value() >= kLongPart && results.is_const() &&
         results.value() <= kFewResults;
}

void split(Graph& graph, Node& node) {
  const InsertBefore here(node);
  Ints inner;
  for (int a : axes_of(node))
    if (a != 0) inner.push_back(a);
  Value* parts = reduced(graph, node.op_name(), node.input(0), inner);
  Node* whole = graph.add(second_reduction(node.op_name()), {parts, node.input(1)},
                          {{"keepdims", node.int_attribute("keepdims")}}, 1);
  graph.replace_uses(node.output(), whole->output());
  graph.erase(&node);
}

bool run(Graph& graph) {
  bool changed = false;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node& node = **it++;
    if (second_reduction(node.op_name()) == nullptr || !is_worth_splitting(node)) continue;
    split(graph, node);
    changed = true;
  }
  return changed;
}

}  // namespace

Pass split_reductions() {
  return {"split-reductions", "A long reduction to few elements becomes one of many parts and one of their results.",
          [](Graph& graph, const Target&) { return run(graph); }, nullptr};
}

}  // namespace cnnc

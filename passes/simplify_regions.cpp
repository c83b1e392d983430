// If, Scan and Loop: what is known of them is used, and what their regions get is what they need.
#include <algorithm>

#include "ir/control_flow.h"
#include "ir/op_def.h"
#include "passes/passes.h"
#include "passes/regions.h"

namespace cnnc {
namespace {

void replace(Node& node, const std::vector<Value*>& results) {
  Graph& graph = node.graph();
  for (size_t i = 0; i < node.output_count(); ++i) {
    if (node.output(i)->use_count() > 0) graph.replace_uses(node.output(i), results[i]);
  }
  graph.erase(&node);
}

// An If whose condition is known is the branch that it takes.
bool inline_branch(Node& node) {
  const auto known = node.is("If") ? node.input(0)->known_ints() : std::nullopt;
  if (!known || known->size() != 1) return false;
  const InsertBefore here(node);
  const Graph& branch = *node.region((*known)[0] != 0 ? "then_branch" : "else_branch");
  const std::vector<Value*> captures(node.inputs().begin() + 1, node.inputs().end());
  replace(node, inline_graph(node.graph(), branch, captures));
  return true;
}

bool loop_to_scan(Node& node) {
  if (!node.is("Loop") || !fixed_trip_count(node)) return false;
  const InsertBefore here(node);
  replace(node, scan_of_loop(node, node.graph()));
  return true;
}

std::vector<Graph*> regions_of(const Node& node) {
  std::vector<Graph*> regions;
  for_each_region(node, [&](Graph& region) { regions.push_back(&region); });
  return regions;
}

// A constant that regions capture is made in each of them.
void sink_constant(const Tensor& constant, size_t input, const std::vector<Graph*>& regions) {
  for (Graph* region : regions) {
    Value* captured = region->inputs()[input].get();
    if (captured->use_count() == 0) continue;
    if (!region->nodes().empty()) region->set_insertion_point(region->nodes().front()->position());
    region->replace_uses(captured, region->constant(constant));
    region->append_at_end();
  }
}

// Captures become constants in the regions where they are some, and go where no region uses them.
bool drop_captures(Node& node) {
  const bool is_if = node.is("If");
  const CarriedParts parts = is_if ? CarriedParts{} : carried_parts(node);
  const size_t count = is_if ? node.inputs().size() - 1 : parts.captures;
  const size_t first_operand = node.inputs().size() - count;
  const std::vector<Graph*> regions = regions_of(node);
  const size_t first_input = regions[0]->inputs().size() - count;
  std::vector<Value*> operands(node.inputs().begin(), node.inputs().end());
  for (size_t i = count; i-- > 0;) {
    if (const Tensor* constant = operands[first_operand + i]->constant())
      sink_constant(*constant, first_input + i, regions);
    const auto unused = [&](Graph* r) { return r->inputs()[first_input + i]->use_count() == 0; };
    if (!std::all_of(regions.begin(), regions.end(), unused)) continue;
    for (Graph* region : regions) region->remove_input(first_input + i);
    operands.erase(operands.begin() + static_cast<long>(first_operand + i));
  }
  const size_t dropped = node.inputs().size() - operands.size();
  if (dropped == 0) return false;
  Attributes attributes = node.attributes();
  if (!is_if) attributes["num_captures"] = static_cast<int64_t>(count - dropped);
  const InsertBefore here(node);
  Node* slim =
      node.graph().add(node.op_name(), operands, attributes, static_cast<int>(node.output_count()));
  std::vector<Value*> results;
  for (size_t i = 0; i < slim->output_count(); ++i) results.push_back(slim->output(i));
  replace(node, results);
  return true;
}

bool run(Graph& graph) {
  bool changed = false;
  for (auto it = graph.nodes().begin(); it != graph.nodes().end();) {
    Node& node = **it++;
    if (!is_control_flow(node)) continue;
    for_each_region(node, [&](Graph& region) { changed |= run(region); });
    changed |= inline_branch(node) || loop_to_scan(node) || drop_captures(node);
  }
  return changed;
}

}  // namespace

Pass simplify_regions() {
  return {"simplify-regions",
          "Branches that are known to be taken are inlined, loops with a known trip count become "
          "scans, constants go into the regions that use them.",
          [](Graph& graph, const Target&) { return run(graph); }, nullptr};
}

}  // namespace cnnc

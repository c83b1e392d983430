#include "frontend/onnx/node_order.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "frontend/onnx/opset_table.h"
#include "ir/error.h"

namespace cnnc {
namespace {

using Names = std::vector<std::string_view>;

void add_free_names(const onnx::GraphProto& graph, Names& names);

void add_used_names(const onnx::NodeProto& node, Names& names) {
  for (const std::string& input : node.input())
    if (!input.empty()) names.push_back(input);
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) add_free_names(attribute.g(), names);
    for (const auto& graph : attribute.graphs()) add_free_names(graph, names);
  }
}

// Names that the graph takes from around it.
void add_free_names(const onnx::GraphProto& graph, Names& names) {
  std::unordered_set<std::string_view> defined;
  for (const auto& input : graph.input()) defined.insert(input.name());
  for (const auto& tensor : graph.initializer()) defined.insert(tensor.name());
  for (const auto& tensor : graph.sparse_initializer()) defined.insert(tensor.values().name());
  Names used;
  for (const auto& node : graph.node()) {
    defined.insert(node.output().begin(), node.output().end());
    add_used_names(node, used);
  }
  for (const auto& output : graph.output()) used.push_back(output.name());
  std::copy_if(used.begin(), used.end(), std::back_inserter(names),
               [&](std::string_view name) { return defined.count(name) == 0; });
}

std::unordered_map<std::string_view, int> producers_of(const NodeProtos& nodes) {
  std::unordered_map<std::string_view, int> producers;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string& output : nodes[i].output()) {
      if (output.empty()) continue;
      const auto [it, inserted] = producers.emplace(output, i);
      if (!inserted)
        throw Error(cat(description_of(nodes[i]), ": its output ", quoted(output),
                        " is already defined by ", description_of(nodes[it->second])));
    }
  return producers;
}

using Edges = std::vector<std::vector<int>>;

// For each node, those whose outputs it uses.
Edges dependencies_of(const NodeProtos& nodes) {
  const auto producers = producers_of(nodes);
  Edges dependencies(static_cast<size_t>(nodes.size()));
  Names used;
  for (int i = 0; i < nodes.size(); ++i) {
    used.clear();
    add_used_names(nodes[i], used);
    for (std::string_view name : used)
      if (const auto it = producers.find(name); it != producers.end())
        dependencies[static_cast<size_t>(i)].push_back(it->second);
  }
  return dependencies;
}

bool is_sorted(const Edges& dependencies) {
  for (size_t i = 0; i < dependencies.size(); ++i)
    for (int d : dependencies[i])
      if (static_cast<size_t>(d) >= i) return false;
  return true;
}

// `pending` nodes all wait for one another: going from one to one it waits for ends in a cycle.
int node_on_cycle(const Edges& dependencies, const std::vector<int>& pending) {
  std::vector<bool> seen(dependencies.size());
  auto waits = [&](int i) { return pending[static_cast<size_t>(i)] > 0; };
  int at = 0;
  while (!waits(at)) ++at;
  while (!seen[static_cast<size_t>(at)]) {
    seen[static_cast<size_t>(at)] = true;
    const std::vector<int>& next = dependencies[static_cast<size_t>(at)];
    at = *std::find_if(next.begin(), next.end(), waits);
  }
  return at;
}

}  // namespace

std::string name_of(const onnx::NodeProto& node) {
  if (!node.name().empty()) return node.name();
  for (const std::string& output : node.output())
    if (!output.empty()) return cat(node.op_type(), ":", output);
  return node.op_type();
}

std::string description_of(const onnx::NodeProto& node) {
  const std::string op = quoted(qualified(node.domain(), node.op_type()));
  return cat("node ", quoted(name_of(node)), " (", op.substr(1, op.size() - 2), ")");
}

std::vector<int> execution_order(const NodeProtos& nodes) {
  const Edges dependencies = dependencies_of(nodes);
  std::vector<int> order(static_cast<size_t>(nodes.size()));
  std::iota(order.begin(), order.end(), 0);
  if (is_sorted(dependencies)) return order;

  Edges users(order.size());
  std::vector<int> pending(order.size());
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i : order) {
    pending[static_cast<size_t>(i)] = static_cast<int>(dependencies[static_cast<size_t>(i)].size());
    for (int d : dependencies[static_cast<size_t>(i)]) users[static_cast<size_t>(d)].push_back(i);
    if (pending[static_cast<size_t>(i)] == 0) ready.push(i);
  }
  order.clear();
  while (!ready.empty()) {
    const int i = ready.top();
    ready.pop();
    order.push_back(i);
    for (int user : users[static_cast<size_t>(i)])
      if (--pending[static_cast<size_t>(user)] == 0) ready.push(user);
  }
  if (order.size() < pending.size())
    throw Error(cat(description_of(nodes[node_on_cycle(dependencies, pending)]),
                    " is on a cycle: it needs its own result"));
  return order;
}

}  // namespace cnnc

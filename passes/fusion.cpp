#include "passes/fusion.h"

#include <algorithm>
#include <map>

#include "ir/control_flow.h"
#include "ir/error.h"
#include "ir/op_def.h"

namespace cnnc {

// Whether a constant may stand in a body: one element that an expression can hold.
static bool is_expression(const Tensor& constant) {
  return constant.size() == 1 && constant.dtype() != DType::string && constant.dtype() != DType::c128;
}

namespace {

class BodyBuilder {
 public:
  BodyBuilder() { candidate_.body = std::make_unique<Graph>("body"); }

  FusionCandidate build(const std::vector<Node*>& nodes, const std::vector<Value*>& results) {
    for (const Node* node : nodes) add(*node);
    for (const Value* result : results) candidate_.body->add_output(map_.at(result));
    return std::move(candidate_);
  }

 private:
  Graph& body() { return *candidate_.body; }

  Value* mapped(Value* value) {
    if (value == nullptr) return nullptr;
    if (auto it = map_.find(value); it != map_.end()) return it->second;
    const Tensor* constant = value->constant();
    if (constant != nullptr && is_expression(*constant)) return map_[value] = body().constant(*constant);
    Value* input = body().add_input(value->type());
    input->set_content(value->content());
    candidate_.operands.push_back(value);
    return map_[value] = input;
  }

  void add(const Node& node) {
    std::vector<Value*> inputs;
    for (Value* operand : node.inputs()) inputs.push_back(mapped(operand));
    body().set_current_origins(node.origins());
    if (const Graph* region = node.is("Fused") ? node.region("body") : nullptr) {
      const std::vector<Value*> results = inline_graph(body(), *region, inputs);
      for (size_t i = 0; i < node.output_count(); ++i) map_[node.output(i)] = results[i];
    } else {
      Node* copy = body().clone_node(node, inputs);
      if (!node.op().has_computation() && node.op().has_decomposition()) decompose(node, copy);
      else for (size_t i = 0; i < node.output_count(); ++i) map_[node.output(i)] = copy->output(i);
    }
  }

  void decompose(const Node& node, Node* copy) {
    body().set_insertion_point(copy->position());
    const std::vector<Value*> results = copy->op().decomposition(*copy, body());
    body().append_at_end();
    for (size_t i = 0; i < node.output_count() && i < results.size(); ++i) map_[node.output(i)] = results[i];
    body().erase(copy);
  }

  FusionCandidate candidate_;
  std::map<const Value*, Value*> map_;
};

}  // namespace

FusionCandidate fuse_body(const std::vector<Node*>& nodes, const std::vector<Value*>& results) {
  return BodyBuilder().build(nodes, results);
}

Node* replace_by_fused(Graph& graph, FusionCandidate candidate, const std::vector<Node*>& nodes,
                       const std::vector<Value*>& results, const Node& place) {
  const InsertBefore here(place);
  Node* fused = graph.add("Fused", candidate.operands, {{"body", std::shared_ptr<Graph>(std::move(candidate.body))}},
                          static_cast<int>(results.size()));
  for (const Node* node : nodes) fused->add_origins(node->origins());
  for (size_t i = 0; i < results.size(); ++i) graph.replace_uses(results[i], fused->output(i));
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    bool used = false;
    for (size_t i = 0; i < (*it)->output_count(); ++i) used |= (*it)->output(i)->use_count() > 0;
    if (!used) graph.erase(*it);
  }
  return fused;
}

bool can_be_fused(const Node& node) {
  if (!node.op().is_pure() || node.output_count() != 1 || node.is("Constant")) return false;
  return node.is("Fused") || node.op().has_computation() || node.op().has_decomposition();
}

}  // namespace cnnc

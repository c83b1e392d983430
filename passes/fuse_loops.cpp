// Element-wise operators, movement and reductions that can share one loop nest become one kernel.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "ir/affine.h"
#include "ir/contraction_view.h"
#include "ir/control_flow.h"
#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "passes/fusion.h"
#include "passes/passes.h"
#include "passes/regions.h"

namespace cnnc {

namespace {

constexpr size_t kMaxNodes = 32;
// Kernels take their operands' addresses into registers.
constexpr size_t kMaxOperands = 32;

// Nests of nodes, which stay what they are while the pass runs: what is fused is a new node.
class Nests {
 public:
  const std::optional<LoopNest>& of(const Node& node) {
    const auto [it, is_new] = nests_.try_emplace(node.id());
    if (is_new) it->second = loop_nest(node);
    return it->second;
  }

 private:
  std::unordered_map<int64_t, std::optional<LoopNest>> nests_;
};

// Arithmetic on sizes stays visible: types depend on its content.
bool is_loop_node(Nests& nests, const Node& node) {
  if (node.output_count() == 1 && node.output()->content()) return false;
  if (node.inputs().size() > kMaxOperands) return false;
  return can_be_fused(node) && !node.op().is_view() && !is_contraction(node) && nests.of(node).has_value();
}

size_t size_of_body(const Node& node) {
  const Graph* body = node.is("Fused") ? node.region("body") : nullptr;
  return body ? body->nodes().size() : 1;
}

// What it costs to compute an element again, in operators; loads cost nothing.
int cost_of(Nests& nests, const Node& node) {
  int cost = 0;
  const auto& nest = nests.of(node);
  if (!nest->stages.empty()) return 1000;
  visit(nest->results[0].value, [&](const Scalar& s) {
    if (s->args.empty() || s.op() == ScalarOp::load || s.dtype() == DType::i64) return;
    const bool function = s.op() >= ScalarOp::exp && s.op() <= ScalarOp::expm1;
    cost += function || s.op() == ScalarOp::pow ? 8 : 1;
  });
  return cost;
}

// How often the consumer reads each element of operand `value`, and whether in whole neighbouring runs.
struct Reading {
  int loads = 0;          // places in the nest
  bool repeated = false;  // an element is read at several points: broadcast, windows
  bool guarded = false;   // under a condition (Concat, Pad)
};

class ReadingVisitor {
 public:
  ReadingVisitor(const Node& consumer, const Value* value) : consumer_(consumer), value_(value) {}

  Reading read(const LoopNest& nest) {
    loops_ = nest.loops;
    for (const LoopNest::Stage& s : nest.stages) {
      for (const Scalar& e : s.elements) add(e, true);
      add(s.value, false);
    }
    for (const LoopNest::Result& r : nest.results) add(r.value, nest.rows || nest.stages.empty());
    return reading_;
  }

 private:
  void add(const Scalar& expr, bool over_all_loops) {
    visit(expr, [&](const Scalar& e) {
      if (e.op() == ScalarOp::select && reads(e)) reading_.guarded = true;
      if (e.op() != ScalarOp::load || consumer_.input(static_cast<size_t>(e->integer)) != value_) return;
      ++reading_.loads;
      if (over_all_loops && !(value_->type().element_count() == product(loops_))) reading_.repeated = true;
    });
  }

  bool reads(const Scalar& expr) const {
    bool found = false;
    visit(expr, [&](const Scalar& e) {
      found |= e.op() == ScalarOp::load && consumer_.input(static_cast<size_t>(e->integer)) == value_;
    });
    return found;
  }

  const Node& consumer_;
  const Value* value_;
  Dims loops_;
  Reading reading_;
};

// Whether computing the producer inside the consumer saves more (one pass over memory) than it repeats.
bool worth_it(Nests& nests, const Node& producer, const Node& consumer) {
  const auto& nest = nests.of(consumer);
  const Reading reading = ReadingVisitor(consumer, producer.output()).read(*nest);
  const int cost = cost_of(nests, producer);
  if (cost >= 1000) return !reading.repeated && nest->stages.empty();  // a reduction and what follows it
  if (reading.repeated) return cost <= 1 && !reading.guarded;
  if (reading.guarded) return cost <= 4;
  return reading.loads == 1 || cost * (reading.loads - 1) <= 12;
}

// Whether every user may compute the producer for itself: an operator or two on one tensor, which they read instead of the
// result, and on small operands. (Centring by the mean before variance, scale and gradient.)
bool is_free(Nests& nests, const Node& producer) {
  const Value& result = *producer.output();
  int whole = 0;
  for (const Value* operand : producer.inputs()) {
    if (operand == nullptr) return false;
    if (operand->type() == result.type()) ++whole;
    else if (!operand->type().element_count().is_const()) return false;
    else if (operand->type().element_count() == result.type().element_count()) return false;
  }
  if (whole != 1 || cost_of(nests, producer) > 2) return false;
  return std::all_of(result.users().begin(), result.users().end(), [&](const auto& use) { return is_loop_node(nests, *use.first); });
}

// The consumer with one of its producers inside, or null.
Node* fuse_one(Graph& graph, Nests& nests, Node* consumer) {
  for (Value* operand : consumer->inputs()) {
    Node* producer = operand ? operand->producer() : nullptr;
    if (producer == nullptr || operand->is_graph_output()) continue;
    if (&producer->graph() != &graph || !is_loop_node(nests, *producer)) continue;
    if (operand->users().size() != 1 && !is_free(nests, *producer)) continue;
    if (size_of_body(*producer) + size_of_body(*consumer) > kMaxNodes || !worth_it(nests, *producer, *consumer)) continue;
    const std::vector<Node*> nodes{producer, consumer};
    FusionCandidate candidate = fuse_body(nodes, {consumer->output()});
    if (!loop_nest(*candidate.body)) continue;
    return replace_by_fused(graph, std::move(candidate), nodes, {consumer->output()}, *consumer);
  }
  return nullptr;
}

// Consumers from last to first, each taking in producers until none fits: chains end in one node.
bool run(Graph& graph) {
  Nests nests;
  bool changed = false;
  for (auto it = graph.nodes().end(); it != graph.nodes().begin();) {
    Node* node = std::prev(it)->get();
    if (is_control_flow(*node)) for_each_region(*node, [&](Graph& region) { changed |= run(region); });
    if (is_loop_node(nests, *node)) {
      if (fuse_one(graph, nests, node) != nullptr) {
        changed = true;
        continue;  // the Fused node stands in the same place, before `it`
      }
    }
    --it;
  }
  return changed;
}

}  // namespace

Pass fuse_loops() {
  return {"fuse-loops", "Element-wise operators, movement and reductions that share one loop nest become one kernel.",
          [](Graph& graph, const Target&) { return run(graph); }, nullptr};
}

}  // namespace cnnc

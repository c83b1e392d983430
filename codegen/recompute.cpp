#include "codegen/recompute.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "codegen/cost.h"
#include "codegen/in_place.h"
#include "codegen/live_values.h"
#include "codegen/working_memory.h"
#include "ir/contraction_view.h"
#include "ir/control_flow.h"
#include "ir/error.h"
#include "ir/op_def.h"

namespace cnnc::codegen {

namespace {

// Operands of a recomputed node that are this many times smaller than what it frees are kept rather than recomputed.
constexpr int64_t kSmallPart = 16;
// What frees less than this part of the peak is not worth a step.
constexpr int64_t kSmallestGain = 500;
// Nodes that are computed again together.
constexpr size_t kMostNodes = 24;
// How often more memory may be tried in vain before it ends.
constexpr int kMostVainSteps = 32;
// As in runtime/schedule.cpp.
constexpr double kFlopsPerNanosecond = 32, kBytesPerNanosecond = 8;

// Whether computing the node a second time gives the same.
bool is_repeatable(const Node& node) {
  return node.attribute("kernel") != nullptr && node.op().is_pure() && !node.is("ForEach") && !is_control_flow(node);
}

class Recomputation {
 public:
  Recomputation(Graph& graph, const MemoryLimit& limit) : graph_(graph), sizes_(limit.sizes), live_(look()) {}

  int64_t bytes() const { return live_.peak_bytes(); }

  // Computes the best candidate at the peak again. False when there is none.
  bool step() {
    std::optional<Candidate> best = best_candidate(false);
    if (!best) best = best_candidate(true);
    if (!best) return false;
    apply(*best);
    live_ = look();
    return true;
  }

 private:
  // Nodes to compute again before the node at `position`, in execution order.
  struct Candidate {
    std::vector<Node*> nodes;
    size_t position = SIZE_MAX;
    int64_t freed = 0;  // bytes at the peak
    double nanoseconds = 0;

    double worth() const { return static_cast<double>(freed) / nanoseconds; }
  };

  LiveValues look() { return {graph_, sizes_, in_place_}; }

  std::optional<Candidate> best_candidate(bool with_contractions) {
    position_.clear();
    for (size_t i = 0; i < live_.nodes().size(); ++i) position_[live_.nodes()[i]] = i;
    find_writers();
    std::optional<Candidate> best;
    for (size_t i = 0; i < live_.peak(); ++i) {
      const std::optional<Candidate> found = candidate(*live_.nodes()[i], with_contractions);
      if (found && found->freed * kSmallestGain > bytes() && (!best || found->worth() > best->worth())) best = found;
    }
    return best;
  }

  // A weight is updated as soon as the graph as it is has read it; behind that, nothing is computed of its old value.
  void find_writers() {
    written_.clear();
    for (size_t i = 0; i < graph_.outputs().size(); ++i) {
      const Node* writer = root_of(graph_.outputs()[i])->producer();
      if (graph_.updated_input(i) && writer && position_.count(writer)) written_[graph_.updated_input(i)] = position_.at(writer);
    }
  }

  bool reads_what_is_written(const Node& node, size_t before) const {
    return std::any_of(node.inputs().begin(), node.inputs().end(), [&](const Value* operand) {
      const auto it = operand ? written_.find(root_of(operand)) : written_.end();
      return it != written_.end() && it->second < before;
    });
  }

  bool may_repeat(const Node& node, bool with_contractions) const {
    return is_repeatable(node) && (with_contractions || !is_contraction(node));
  }

  std::optional<Candidate> candidate(Node& node, bool with_contractions) {
    if (!may_repeat(node, with_contractions)) return std::nullopt;
    Candidate c;
    for (size_t i = 0; i < node.output_count(); ++i) {
      const LiveValue* live = live_.find(node.output(i));
      if (live == nullptr || !live->is_idle(live_.peak())) continue;
      c.freed += live->bytes;
      c.position = std::min(c.position, live->next_use(live_.peak()));
    }
    if (c.freed * kSmallestGain <= bytes()) return std::nullopt;
    std::set<size_t> again{position_.at(&node)};
    for (std::vector<Node*> work{&node}; !work.empty();) {
      const Node& next = *work.back();
      work.pop_back();
      for (Node* missing : missing_operands(next, c, with_contractions))
        if (again.insert(position_.at(missing)).second) work.push_back(missing);
      if (again.size() > kMostNodes) return std::nullopt;
    }
    for (size_t i : again) {
      if (reads_what_is_written(*live_.nodes()[i], c.position)) return std::nullopt;
      c.nodes.push_back(live_.nodes()[i]);
      c.nanoseconds += nanoseconds(*c.nodes.back());
    }
    return c;
  }

  // Producers of operands that are gone where the candidate is computed again and that are better computed again too than
  // kept; the bytes of those that have to be kept instead come off what it frees.
  std::vector<Node*> missing_operands(const Node& node, Candidate& c, bool with_contractions) const {
    std::vector<Node*> missing;
    std::set<const Value*> kept;
    for (const Value* operand : node.inputs()) {
      const Value* root = operand ? root_of(operand) : nullptr;
      const LiveValue* live = root ? live_.find(root) : nullptr;
      if (live == nullptr || live->last >= live_.peak()) continue;
      const bool small = live->bytes * kSmallPart <= c.freed;
      if (!small && may_repeat(*root->producer(), with_contractions)) missing.push_back(root->producer());
      else if (kept.insert(root).second) c.freed -= live->bytes;
    }
    return missing;
  }

  double nanoseconds(const Node& node) const {
    return 1 + static_cast<double>(flops_of(node).evaluate(sizes_)) / kFlopsPerNanosecond +
           static_cast<double>(bytes_of(node).evaluate(sizes_)) / kBytesPerNanosecond;
  }

  void apply(const Candidate& c) {
    Node& place = *live_.nodes()[c.position];
    const std::string reason = cat("frees ", c.freed, " bytes at ", live_.nodes()[live_.peak()]->description());
    const InsertBefore here(place);
    std::map<const Value*, Value*> again;
    for (const Node* node : c.nodes) {
      std::vector<Value*> operands;
      for (Value* operand : node->inputs()) operands.push_back(moved(operand, again));
      Node* copy = graph_.clone_node(*node, std::move(operands));
      copy->set_attribute("recomputed", reason);
      for (size_t i = 0; i < node->output_count(); ++i) again[node->output(i)] = copy->output(i);
    }
    for (size_t i = c.position; i < live_.nodes().size(); ++i) {
      Node& user = *live_.nodes()[i];
      for (size_t k = 0; k < user.inputs().size(); ++k) user.set_input(k, moved(user.input(k), again));
    }
  }

  // The value as it is computed again, or itself; views of such values are made anew.
  Value* moved(Value* value, std::map<const Value*, Value*>& again) {
    if (value == nullptr) return nullptr;
    if (const auto it = again.find(value); it != again.end()) return it->second;
    if (value->producer() == nullptr || !value->producer()->op().is_view() || !again.count(root_of(value))) return value;
    std::vector<Value*> operands = value->producer()->inputs();
    operands[0] = moved(operands[0], again);
    return again[value] = graph_.clone_node(*value->producer(), std::move(operands))->output();
  }

  Graph& graph_;
  const std::map<std::string, int64_t>& sizes_;
  InPlaceOperands in_place_;
  std::map<const Node*, size_t> position_;
  std::map<const Value*, size_t> written_;  // inputs that are updated: the position of the node that does it
  LiveValues live_;
};

// Numbers of steps after which the peak is lower than ever before.
std::vector<int> improvements(Graph& graph, const MemoryLimit& limit) {
  Recomputation recomputation(graph, limit);
  std::vector<int> found;
  int64_t least = recomputation.bytes();
  for (int done = 1; recomputation.step(); ++done) {
    if (recomputation.bytes() < least) {
      least = recomputation.bytes();
      found.push_back(done);
    } else if (done - (found.empty() ? 0 : found.back()) > kMostVainSteps) {
      break;
    }
  }
  return found;
}

int64_t memory_after(Graph& graph, int steps, const CompileOptions& options) {
  Recomputation recomputation(graph, options.memory);
  for (int i = 0; i < steps; ++i) recomputation.step();
  return working_memory(graph, options);
}

// What the arena takes is known only when all is placed, so the fewest steps that suffice are sought by trial.
bool fit(Graph& graph, const CompileOptions& options) {
  const int64_t limit = options.memory.bytes;
  if (limit == 0 || working_memory(graph, options) <= limit) return false;
  const std::vector<int> steps = improvements(*graph.clone(), options.memory);
  const int64_t least = memory_after(*graph.clone(), steps.empty() ? 0 : steps.back(), options);
  if (least > limit) throw NotEnoughMemory(least, limit);
  size_t low = 0, high = steps.size() - 1;  // steps[high] suffices
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (memory_after(*graph.clone(), steps[middle], options) <= limit) high = middle;
    else low = middle + 1;
  }
  memory_after(graph, steps[high], options);
  return true;
}

}  // namespace

NotEnoughMemory::NotEnoughMemory(int64_t least, int64_t limit)
    : Error(cat("the working memory is at least ", least, " bytes, with all recomputed that can be, and the limit is ", limit,
                "; lower the batch size or raise the limit (--max-mem, or max_mem in C++)"),
            Fault::limit),
      least_(least),
      limit_(limit) {}

void compile_within_limit(const std::vector<std::function<void()>>& programs) {
  std::optional<NotEnoughMemory> worst;
  for (const auto& compile : programs) {
    try {
      compile();
    } catch (const NotEnoughMemory& error) {
      if (!worst || error.least() > worst->least()) worst = error;
    }
  }
  if (worst) throw *worst;
}

Pass recompute(const CompileOptions& options) {
  Pass pass;
  pass.name = "recompute";
  pass.doc = "Values that lie idle at the peak of a memory limit are computed again where they are used later.";
  pass.required = true;
  pass.run = [options](Graph& graph, const Target&) { return fit(graph, options); };
  return pass;
}

}  // namespace cnnc::codegen

#include "passes/training/all_reduce.h"

#include <algorithm>
#include <map>
#include <optional>

#include "ir/error.h"

namespace cnnc {
namespace {

// A bucket is sent when it has this many elements: few enough that sending begins early, many enough that the cost of a
// message does not count.
constexpr int64_t kBucketElements = 1 << 18;

class Buckets {
 public:
  Buckets(Graph& graph, const std::vector<Value*>& values) : graph_(graph), values_(values) {
    for (const auto& node : graph.nodes()) positions_[node.get()] = positions_.size() + 1;
  }

  std::vector<Value*> run() {
    for (const std::vector<size_t>& bucket : by_time()) begin(bucket);
    graph_.append_at_end();
    std::vector<Value*> results(values_.size());
    for (const Begun& begun : begun_) end(begun, results);
    return results;
  }

 private:
  struct Begun {
    std::vector<size_t> bucket;
    Value* sum;
  };

  size_t position(size_t i) const {
    const Node* producer = values_[i]->producer();
    return producer == nullptr ? 0 : positions_.at(producer);
  }

  std::vector<std::vector<size_t>> by_time() const {
    std::vector<size_t> order(values_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return position(a) < position(b); });
    std::vector<std::vector<size_t>> buckets;
    int64_t elements = kBucketElements;
    for (const size_t i : order) {
      if (elements >= kBucketElements) buckets.emplace_back(), elements = 0;
      buckets.back().push_back(i);
      elements += element_count(values_[i]->type().shape());
    }
    return buckets;
  }

  Value* flat(size_t i) {
    return graph_.make("Reshape", {values_[i], graph_.constant(Tensor::ints({-1}))});
  }

  void begin(const std::vector<size_t>& bucket) {
    graph_.append_at_end();
    std::optional<InsertBefore> here;
    if (const Node* next = node_after(values_[bucket.back()]->producer())) here.emplace(*next);
    std::vector<Value*> parts;
    for (const size_t i : bucket) parts.push_back(flat(i));
    Value* all = parts.size() == 1 ? parts[0] : graph_.make("Concat", parts, {{"axis", int64_t{0}}});
    begun_.push_back({bucket, graph_.make("AllReduceBegin", {all})});
  }

  // The node that follows; null at the end.
  const Node* node_after(const Node* producer) const {
    const auto& nodes = graph_.nodes();
    auto where = nodes.begin();
    if (producer != nullptr)
      where = std::next(std::find_if(nodes.begin(), nodes.end(), [&](const auto& n) { return n.get() == producer; }));
    return where == nodes.end() ? nullptr : where->get();
  }

  void end(const Begun& begun, std::vector<Value*>& results) {
    Value* sum = graph_.make("AllReduceEnd", {begun.sum});
    int64_t at = 0;
    for (const size_t i : begun.bucket) {
      const Shape shape = values_[i]->type().shape();
      const int64_t next = at + element_count(shape);
      Value* part = graph_.make("Slice", {sum, graph_.constant(Tensor::ints({at})), graph_.constant(Tensor::ints({next}))});
      results[i] = graph_.make("Reshape", {part, graph_.constant(Tensor::ints(shape))});
      at = next;
    }
  }

  Graph& graph_;
  const std::vector<Value*>& values_;
  std::map<const Node*, size_t> positions_;
  std::vector<Begun> begun_;
};

}  // namespace

std::vector<Value*> all_reduced(Graph& graph, const std::vector<Value*>& values) {
  for (const Value* value : values)
    if (value->dtype() != DType::f32)
      throw Error(cat("a tensor of the step is ", value->type(), "; several processes train f32 only"));
  return Buckets(graph, values).run();
}

}  // namespace cnnc

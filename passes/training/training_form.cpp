#include "passes/training/training_form.h"

#include <map>

#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {

class Rewriter {
 public:
  Rewriter(Graph& graph, const Parameters& parameters, uint64_t seed, Convention convention)
      : graph_(graph), seed_(static_cast<int64_t>(seed)), is_unbiased_(convention == Convention::pytorch) {
    for (const auto& p : parameters.statistics) next_[p.value] = p.value;
  }

  TrainingForm run(const Parameters& parameters) {
    for (auto it = graph_.nodes().begin(); it != graph_.nodes().end();) {
      Node& node = **it++;
      if (node.is("BatchNormalization")) normalize(node);
      else if (node.is("Dropout")) drop(node);
      else if (node.is("StepNumber")) replace(node, step_number());
      else if (node.is("PhiloxUniform")) draw(node);
      else if (node.is("WhenTraining")) replace(node, node.input(1));
    }
    TrainingForm form;
    form.step_number = step_;
    for (const auto& p : parameters.statistics)
      form.statistics.push_back({p.name, p.initial, p.value, next_.at(p.value)});
    return form;
  }

 private:
  void normalize(Node& node) {
    Value *mean = node.input(3), *variance = node.input(4);
    const bool trains = next_.count(mean) && next_.count(variance);
    const InsertBefore here(node);
    std::vector<Value*> operands = node.inputs();
    Attributes attributes = node.attributes();
    attributes["training_mode"] = int64_t{trains};
    attributes["unbiased"] = int64_t{trains && is_unbiased_};
    // Statistics that several nodes share are updated by one after the other.
    if (trains) operands[3] = next_.at(mean), operands[4] = next_.at(variance);
    const Node* trained =
        graph_.add("BatchNormalization", operands, attributes, trains ? 3 : 1);
    if (trains) {
      next_[mean] = trained->output(1);
      next_[variance] = trained->output(2);
    }
    for (size_t i = 0; i < node.output_count(); ++i)
      if (node.output(i)->use_count() > 0)
        graph_.replace_uses(node.output(i), i == 0 || trains ? trained->output(i) : operands[2 + i]);
    graph_.erase(&node);
  }

  static double ratio_of(const Node& node) {
    const std::optional<Tensor> ratio = node.input(1) ? constant_value(*node.input(1)) : std::nullopt;
    return ratio && ratio->size() == 1 ? ratio->as_double(0) : 0.5;
  }

  Value* step_number() {
    if (step_ == nullptr) step_ = graph_.add_input({DType::i64, {}}, "step");
    return step_;
  }

  // Every node has a stream of random numbers of its own.
  Value* uniform(Value* like, Value* counter) {
    return graph_.make("PhiloxUniform", {like, counter}, {{"seed", seed_}, {"stream", streams_++}});
  }

  void replace(Node& node, Value* by) {
    graph_.replace_uses(node.output(), by);
    graph_.erase(&node);
  }

  // One that has no seed yet gets the training's.
  void draw(Node& node) {
    if (node.int_attribute("seed") != 0) return;
    const InsertBefore here(node);
    replace(node, uniform(node.input(0), node.input(1)));
  }

  // x / (1 - ratio) where it is kept, else 0.
  void drop(Node& node) {
    const double ratio = ratio_of(node);
    if (ratio == 0) return;
    if (!(ratio > 0 && ratio <= 1)) throw Error(cat(node.description(), ": its ratio is ", ratio, ", need 0 to 1"));
    const InsertBefore here(node);
    Value* x = node.input(0);
    Value* sizes = graph_.make("Shape", {x});
    Value* bits = graph_.make("DropoutBits", {sizes, step_number()}, {{"ratio", ratio}, {"seed", seed_}, {"stream", streams_++}});
    graph_.replace_uses(node.output(0), graph_.make("DropoutSelect", {x, bits}, {{"scale", 1 / (1 - ratio)}}));
    if (node.output_count() > 1 && node.output(1)->use_count() > 0) {
      Value* ones = graph_.make("ConstantOfShape", {sizes}, {{"value", Tensor::of<float>(DType::f32, {1}, {1})}});
      Value* kept = graph_.make("DropoutSelect", {ones, bits});
      graph_.replace_uses(node.output(1), graph_.make("Greater", {kept, number_like(graph_, kept, 0)}));
    }
    graph_.erase(&node);
  }

  Graph& graph_;
  int64_t seed_, streams_ = 0;
  bool is_unbiased_;
  Value* step_ = nullptr;
  std::map<Value*, Value*> next_;  // what each running statistic is after the nodes so far
};

}  // namespace

TrainingForm to_training_form(Graph& graph, const Parameters& parameters, uint64_t seed, Convention convention) {
  return Rewriter(graph, parameters, seed, convention).run(parameters);
}

static bool is_unused(const Node& node) {
  for (size_t i = 0; i < node.output_count(); ++i)
    if (node.output(i)->use_count() > 0) return false;
  return true;
}

void to_inference_form(Graph& graph) {
  std::vector<Node*> nodes;
  bool any = false;
  for (const auto& node : graph.nodes()) nodes.push_back(node.get());
  for (Node* node : nodes)
    if (node->is("WhenTraining")) graph.replace_uses(node->output(), node->input(0)), any = true;
  // Users come after their operands, so that one walk backwards finds all that nothing uses any more.
  for (auto it = nodes.rbegin(); any && it != nodes.rend(); ++it)
    if (is_unused(**it)) graph.erase(*it);
}

}  // namespace cnnc

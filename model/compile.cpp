// Model::compile: what the outputs should give, and by which optimizer.
#include <algorithm>
#include <cstdio>

#include "cnnc/model.h"
#include "ir/error.h"
#include "model/model_state.h"
#include "model/running.h"
#include "model/training_state.h"

namespace cnnc::dsl {

// What gave the output's numbers, behind nodes that move them only.
static const Node* origin_of(const Value& output) {
  const Node* node = output.producer();
  while (node != nullptr && (node->is("Reshape") || node->is("Flatten") || node->is("Squeeze") || node->is("Unsqueeze") ||
                             node->is("Transpose") || node->is("Identity")))
    node = node->input(0)->producer();
  return node;
}

// A linear layer, whose numbers have no bounds.
static bool is_linear_layer(const Node& node) {
  if (node.is("Gemm") || node.is("MatMul") || node.is("Conv")) return node.input(1)->constant() != nullptr;
  if (!node.is("Add") || node.input(1)->constant() == nullptr) return false;
  const Node* product = node.input(0)->producer();
  return product != nullptr && !product->is("Add") && is_linear_layer(*product);
}

// Whether an output surely gives probabilities while its loss takes logits, or the other way round.
static void warn_of_activation(const Value& output, const Target& target) {
  const Node* last = origin_of(output);
  if (last == nullptr) return;
  const std::string what = target.prefix.empty() ? "the model" : cat("output '", output.name(), "'");
  if ((last->is("Softmax") || last->is("Sigmoid") || last->is("HardSigmoid")) && has_logits(target.goal.loss))
    std::fprintf(stderr, "warning: %s ends in %s, but the loss has from_logits = true: leave out one of the two\n",
                 what.c_str(), last->op_name().c_str());
  if (is_linear_layer(*last) && takes_probabilities(target.goal.loss))
    std::fprintf(stderr, "warning: the loss takes probabilities, but %s ends in a linear layer: give it from_logits = true\n",
                 what.c_str());
}

static void require_classes(const Type& output, const OutputGoal& goal) {
  if (output.rank() != 2 || !output.dims.back().is_const() || output.dims.back().value() == 1) return;
  for (const std::vector<Metric>* metrics : {&goal.metrics, &goal.weighted_metrics})
    for (const Metric& metric : *metrics) require_class(metric, goal.loss, output.dims.back().value());
}

// The new goals take the place of the old ones only when all of them are sound.
static void set_targets(ModelState& model, const Optimizer& optimizer, std::vector<Target> targets) {
  const Graph& graph = *model.prototype;
  auto training = std::make_shared<TrainingState>(training_state(optimizer, std::move(targets)));
  const Running check(*training);
  for (const Target& target : training->targets) require_classes(graph.outputs()[target.output]->type(), target.goal);
  for (const Target& target : training->targets) warn_of_activation(*graph.outputs()[target.output], target);
  model.training = std::move(training);
}

static Target target_named(const Graph& graph, size_t output, const OutputGoal& goal) {
  const std::string prefix = graph.outputs().size() == 1 ? "" : graph.output_names()[output] + "_";
  return target_of(output, graph.outputs()[output]->type(), prefix, goal);
}

void Model::compile(Optimizer optimizer, Loss loss, std::vector<Metric> metrics, std::vector<Metric> weighted_metrics) {
  compile(std::move(optimizer), std::vector<OutputGoal>{{.loss = std::move(loss),
                                                         .metrics = std::move(metrics),
                                                         .weighted_metrics = std::move(weighted_metrics)}});
}

void Model::compile(Optimizer optimizer, const std::vector<OutputGoal>& goals) {
  const Graph& graph = *state_->prototype;
  if (goals.size() != graph.outputs().size())
    throw Error(cat("compile: the model has ", graph.outputs().size(), " outputs, was given goals for ", goals.size()),
                Fault::usage);
  std::vector<Target> targets;
  for (size_t i = 0; i < goals.size(); ++i) targets.push_back(target_named(graph, i, goals[i]));
  set_targets(*state_, optimizer, std::move(targets));
}

void Model::compile(Optimizer optimizer, const NamedGoals& goals) {
  const Graph& graph = *state_->prototype;
  std::vector<Target> targets;
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    for (const auto& [name, goal] : goals)
      if (name == graph.output_names()[i]) targets.push_back(target_named(graph, i, goal));
  }
  std::string names;
  for (const std::string& name : graph.output_names()) names += (names.empty() ? "" : ", ") + name;
  for (const auto& [name, goal] : goals) {
    const auto& known = graph.output_names();
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(cat("compile: the model has no output ", quoted(name), "; it has ", names), Fault::usage);
  }
  if (targets.empty()) throw Error(cat("compile: no output has a goal; there are ", names), Fault::usage);
  set_targets(*state_, optimizer, std::move(targets));
}

TrainingState& compiled_training(ModelState& model, const char* what) {
  if (!model.training) throw Error(cat("call compile() before ", what, "()"), Fault::usage);
  return *model.training;
}

void Model::stop_training() { compiled_training(*state_, "stop_training").stop = true; }

int Model::epochs_done() const { return static_cast<int>(compiled_training(*state_, "epochs_done").epoch); }

double Model::learning_rate() const {
  const TrainingState& training = compiled_training(*state_, "learning_rate");
  return training.learning_rate.at(training.step);
}

void Model::set_learning_rate(double value) {
  if (!(value >= 0)) throw Error(cat("the learning rate is ", value, ", need a positive number"), Fault::usage);
  compiled_training(*state_, "set_learning_rate").learning_rate = value;
}

}  // namespace cnnc::dsl

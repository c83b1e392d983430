#include "passes/training/training_step.h"

#include <cmath>
#include <map>

#include "ir/error.h"
#include "ir/ops/graph_parts.h"
#include "passes/autodiff/gradients.h"
#include "passes/training/all_reduce.h"
#include "passes/training/losses.h"
#include "passes/training/optimizer.h"
#include "passes/training/parameters.h"
#include "passes/training/training_form.h"

namespace cnnc {
namespace {

std::string no_weights(const std::set<std::string>& initializers, const std::set<std::string>& frozen) {
  if (!frozen.empty()) return "all weights are frozen; leave some to be trained";
  return cat("the model has no weights that could be trained: none of its ", initializers.size(),
             " initializers is a float tensor with axes that a node uses as a weight");
}

class StepBuilder {
 public:
  StepBuilder(std::unique_ptr<Graph> model, const std::vector<Objective>& objectives,
              const TrainingOptions& options)
      : options_(options) {
    step_.graph = std::move(model);
    if (graph().outputs().empty()) throw Error("the model has no output to compute a loss of");
    for (const Objective& objective : objectives) targets_.push_back({&objective});
    for (size_t i = 1; i < targets_.size(); ++i) add_labels(targets_[i]);
    step_.model_inputs = graph().inputs().size();
    step_.output = graph().outputs()[objectives[0].output]->type();
    step_.labels = label_type(objectives[0].loss, step_.output, objectives[0].given_labels);
  }

  TrainingStep training(const std::set<std::string>& initializers) {
    const Parameters parameters =
        promote_parameters(graph(), initializers, options_.frozen, options_.held);
    if (parameters.trained.empty())
      throw Error(no_weights(initializers, options_.frozen), options_.frozen.empty() ? Fault::model : Fault::usage);
    step_.is_training = true;
    TrainingForm form = to_training_form(graph(), parameters, options_.seed, options_.optimizer.convention);
    step_.has_step_number = form.step_number != nullptr;
    add_labels(targets_[0]);
    std::vector<Value*> numbers{graph().add_input({DType::f32, {}}, "learning_rate")};
    step_.factors = step_factors(options_.optimizer).count;
    for (const char* name : factor_names(options_.optimizer)) numbers.push_back(graph().add_input({DType::f32, {}}, name));
    step_.has_share = options_.several_processes;
    for (const Target& t : targets_)
      if (step_.has_share && t.weights && divides_by_weights(t.objective->loss))
        throw Error("PyTorch's cross-entropy divides by the sum of all samples' weights, which one of several processes does "
                    "not know; train in one process, without weights or by Keras's formula",
                    Fault::usage);
    if (step_.has_share) share_ = graph().add_input({DType::f32, {}}, "share");
    graph().append_at_end();
    Value* loss = shared(penalized(parameters, regularized(parameters, data_loss())));
    set_outputs(loss, options_.keep_output);
    // As outputs of the graph these follow when differentiation takes nodes apart.
    for (const RunningStatistic& s : form.statistics)
      carry({s.name, type_of(s.initial), s.initial, true}, s.value, s.next);
    const std::vector<Value*> slopes = slopes_of(parameters, loss);
    // With a loss that is no number, everything carried stays as it is.
    numbers.insert(numbers.begin(), is_finite(*graph().outputs()[0]));
    guard_statistics(numbers[0], form.statistics.size());
    add_updates(parameters, slopes, numbers);
    for (const auto& p : parameters.held) carry({p.name, type_of(p.initial), p.initial, true}, p.value, p.value);
    return finish();
  }

  TrainingStep evaluation(const std::set<std::string>& initializers) {
    const Parameters parameters = promote_parameters(graph(), initializers, options_.frozen, options_.held);
    add_labels(targets_[0]);
    graph().append_at_end();
    set_outputs(penalized(parameters, data_loss()), true);
    // In the order of a training step, which carries more after them.
    for (const auto* list : {&parameters.statistics, &parameters.trained, &parameters.held}) {
      for (const auto& p : *list) {
        step_.carried.push_back({p.name, type_of(p.initial), p.initial, true});
        inputs_.push_back(p.value);
      }
    }
    return finish();
  }

 private:
  Graph& graph() { return *step_.graph; }

  struct Target {
    const Objective* objective;
    Value *labels = nullptr, *weights = nullptr, *output = nullptr, *mask = nullptr, *loss = nullptr;
  };

  // "labels" for the first objective, "labels_2" for the second.
  void add_labels(Target& target) {
    const Objective& objective = *target.objective;
    const Type& output = graph().outputs()[objective.output]->type();
    const Type type = label_type(objective.loss, output, objective.given_labels);
    const bool is_first = &target == targets_.data();
    if (is_first) step_.has_sample_weights = objective.sample_weights;
    const std::string suffix = is_first ? "" : cat("_", &target - targets_.data() + 1);
    target.labels = graph().add_input(type, "labels" + suffix);
    if (objective.sample_weights)
      target.weights = graph().add_input({DType::f32, {output.dims[0]}}, "sample_weights" + suffix);
  }

  // The weighted sum of all objectives' losses.
  Value* data_loss() {
    Value* total = nullptr;
    for (Target& t : targets_) {
      t.output = graph().outputs()[t.objective->output];
      if (t.objective->mask) t.mask = graph().outputs()[*t.objective->mask];
      t.loss = loss_of(graph(), t.objective->loss, t.output, t.labels, t.weights, t.mask);
      Value* part = t.loss;
      if (t.objective->weight != 1)
        part = graph().make("Mul", {part, number_like(graph(), part, t.objective->weight)});
      total = total == nullptr ? part : graph().make("Add", {total, part});
    }
    return total;
  }

  void set_outputs(Value* loss, bool keep) {
    graph().remove_outputs();
    graph().add_output(converted(graph(), loss, DType::f32), "loss");  // the runtime reads f32
    if (!keep) return;
    const auto add = [&](Value* value, const char* name, size_t i) {
      graph().add_output(value, i == 0 ? std::string(name) : cat(name, "_", i + 1));
      step_.kept.push_back(value->type());
    };
    for (size_t i = 0; i < targets_.size(); ++i) add(targets_[i].output, "output", i);
    for (size_t i = 0; targets_.size() > 1 && i < targets_.size(); ++i) add(targets_[i].loss, "part", i);
    for (size_t i = 0; i < targets_.size(); ++i)
      if (targets_[i].mask) add(converted(graph(), targets_[i].mask, DType::f32), "mask", i);
  }

  // loss + factor norm(w)
  Value* plus(Value* loss, const char* norm, Value* w, double factor) {
    if (factor == 0) return loss;
    Value* sum = graph().make(norm, {w}, {{"keepdims", int64_t{0}}});
    return graph().make("Add", {loss, graph().make("Mul", {sum, number_like(graph(), sum, factor)})});
  }

  // loss + l1 sum |w| + l2 sum w^2
  Value* regularized(const Parameters& parameters, Value* loss) {
    for (const auto& p : parameters.trained) {
      if (!is_regularized(*p.value)) continue;
      loss = plus(loss, "ReduceL1", p.value, options_.l1);
      loss = plus(loss, "ReduceSumSquare", p.value, options_.l2);
    }
    return loss;
  }

  Value* penalized(const Parameters& parameters, Value* loss) {
    for (const auto& p : parameters.trained) {
      const auto it = options_.penalties.find(p.name);
      if (it == options_.penalties.end()) continue;
      loss = plus(loss, "ReduceL1", p.value, it->second.l1);
      loss = plus(loss, "ReduceSumSquare", p.value, it->second.l2);
    }
    return loss;
  }

  // The sum of the processes' shares is the whole.
  Value* shared(Value* part) { return share_ == nullptr ? part : graph().make("Mul", {part, share_}); }

  // Makes the loss, the statistics and the gradients those of the whole batch.
  void reduce_over_processes(std::vector<Value*>& slopes) {
    std::vector<size_t> outputs{0};
    for (size_t i = 1 + step_.kept.size(); i < graph().outputs().size(); ++i) outputs.push_back(i);
    std::vector<Value*> values;
    for (size_t i : outputs) values.push_back(i == 0 ? graph().outputs()[i] : shared(graph().outputs()[i]));
    values.insert(values.end(), slopes.begin(), slopes.end());
    values = all_reduced(graph(), values);
    for (size_t k = 0; k < outputs.size(); ++k) graph().set_output(outputs[k], values[k]);
    slopes.assign(values.begin() + static_cast<std::ptrdiff_t>(outputs.size()), values.end());
  }

  // Computed right after the loss, so that weights may be updated as soon as there are their gradients.
  Value* is_finite(Value& loss) {
    if (loss.producer()) graph().set_insertion_point(std::next(loss.producer()->position()));
    Value* size = graph().make("Abs", {&loss});
    Value* finite = graph().make("Less", {size, number_like(graph(), size, HUGE_VAL)});
    graph().append_at_end();
    return finite;
  }

  std::vector<Value*> slopes_of(const Parameters& parameters, Value* loss) {
    std::vector<Value*> wrt;
    for (const auto& p : parameters.trained) wrt.push_back(p.value);
    std::vector<Value*> slopes = gradients(graph(), loss, wrt);
    graph().append_at_end();
    for (size_t i = 0; i < wrt.size(); ++i)
      if (slopes[i] == nullptr) slopes[i] = graph().constant(Tensor(wrt[i]->dtype(), wrt[i]->type().shape()));
    if (share_ != nullptr) reduce_over_processes(slopes);
    return limited_gradients(graph(), options_.optimizer, std::move(slopes));
  }

  // Running statistics are the outputs carried first.
  void guard_statistics(Value* apply, size_t count) {
    std::map<DType, std::vector<size_t>> changed;  // by element type
    const size_t first = graph().outputs().size() - count;
    for (size_t i = first; i < first + count; ++i)
      if (graph().outputs()[i] != graph().updated_input(i)) changed[graph().outputs()[i]->dtype()].push_back(i);
    for (const auto& [dtype, outputs] : changed) {
      std::vector<Value*> operands{apply};
      for (size_t i : outputs) operands.insert(operands.end(), {graph().updated_input(i), graph().outputs()[i]});
      const Node& update = for_each(guarded_copy(dtype), 1, outputs.size(), 1, std::move(operands));
      for (size_t k = 0; k < outputs.size(); ++k) graph().set_output(outputs[k], update.output(k));
    }
  }

  const Node& for_each(std::shared_ptr<Graph> body, int64_t shared, size_t sets, size_t results,
                       std::vector<Value*> operands) {
    const Attributes attributes{{"body", std::move(body)}, {"sets", static_cast<int64_t>(sets)}, {"shared", shared}};
    return *graph().add("ForEach", std::move(operands), attributes, static_cast<int>(sets * results));
  }

  // One node updates all parameters of an element type and their state.
  void add_updates(const Parameters& parameters, const std::vector<Value*>& slopes, const std::vector<Value*>& shared) {
    std::map<DType, std::vector<size_t>> by_type;
    for (size_t i = 0; i < slopes.size(); ++i) by_type[slopes[i]->dtype()].push_back(i);
    std::vector<Update> updates(slopes.size());
    for (const auto& [dtype, members] : by_type) update_together(parameters, slopes, shared, members, updates);
    for (size_t i = 0; i < updates.size(); ++i) {
      const auto& p = parameters.trained[i];
      carry({p.name, type_of(p.initial), p.initial, true}, p.value, updates[i].next);
      step_.parameter_count += p.initial.size();
    }
    for (const Update& update : updates)
      for (const UpdatedState& s : update.states) carry(state_of(s), s.input, s.next);
  }

  struct UpdatedState {
    Value *input, *next;
    double fill;
  };
  // What becomes of a parameter and of the optimiser's state beside it.
  struct Update {
    Value* next = nullptr;
    std::vector<UpdatedState> states;
  };

  void update_together(const Parameters& parameters, const std::vector<Value*>& slopes, const std::vector<Value*>& shared,
                       const std::vector<size_t>& members, std::vector<Update>& updates) {
    const UpdateRule rule = update_rule(options_.optimizer, slopes[members[0]]->dtype());
    std::vector<Value*> operands = shared;
    for (size_t i : members) {
      Value* w = parameters.trained[i].value;
      operands.insert(operands.end(), {w, slopes[i]});
      for (const UpdateRule::State& s : rule.states) {
        Value* input = graph().add_input(w->type(), w->name() + "/" + s.name);
        operands.push_back(input);
        updates[i].states.push_back({input, nullptr, s.initial});
      }
    }
    const size_t results = 1 + rule.states.size();
    const Node& node = for_each(rule.body, rule.shared, members.size(), results, std::move(operands));
    size_t at = 0;
    for (size_t i : members) {
      updates[i].next = node.output(at++);
      for (UpdatedState& s : updates[i].states) s.next = node.output(at++);
    }
  }

  // Elements of other types than f32 and f64 are filled with zeros only (runtime/training/training_loop.cpp).
  static TrainingStep::Carried state_of(const UpdatedState& s) {
    const DType dtype = s.input->dtype();
    TrainingStep::Carried state{s.input->name(), s.input->type(), Tensor(), false, s.fill};
    if (s.fill != 0 && dtype != DType::f32 && dtype != DType::f64) state.initial = state.at_start();
    return state;
  }

  void carry(TrainingStep::Carried carried, Value* input, Value* next) {
    step_.carried.push_back(std::move(carried));
    inputs_.push_back(input);
    graph().add_output(next, step_.carried.back().name);
    graph().set_updated_input(graph().outputs().size() - 1, input);
  }

  // Carried tensors are the last inputs, in the order of the outputs.
  TrainingStep finish() {
    graph().move_inputs_to_end(inputs_);
    return std::move(step_);
  }

  TrainingStep step_;
  const TrainingOptions& options_;
  std::vector<Target> targets_;
  Value* share_ = nullptr;  // null where one process trains
  std::vector<Value*> inputs_;
};

}  // namespace

Tensor TrainingStep::Carried::at_start() const {
  if (initial.raw() != nullptr) return initial;
  Tensor tensor(type.dtype, type.shape());
  for (int64_t k = 0; fill != 0 && k < tensor.size(); ++k) tensor.set_double(k, fill);
  return tensor;
}

TrainingStep training_step(std::unique_ptr<Graph> model, const std::set<std::string>& initializers,
                           const std::vector<Objective>& objectives, const TrainingOptions& options) {
  return StepBuilder(std::move(model), objectives, options).training(initializers);
}

TrainingStep evaluation_step(std::unique_ptr<Graph> model,
                             const std::set<std::string>& initializers,
                             const std::vector<Objective>& objectives,
                             const TrainingOptions& options) {
  return StepBuilder(std::move(model), objectives, options).evaluation(initializers);
}

static std::vector<Objective> first_output(const Type& given_labels, const TrainingOptions& options) {
  return {{0, given_labels, options.loss, 1, options.sample_weights}};
}

TrainingStep training_step(std::unique_ptr<Graph> model, const std::set<std::string>& initializers,
                           const Type& given_labels, const TrainingOptions& options) {
  return training_step(std::move(model), initializers, first_output(given_labels, options), options);
}

TrainingStep evaluation_step(std::unique_ptr<Graph> model,
                             const std::set<std::string>& initializers, const Type& given_labels,
                             const TrainingOptions& options) {
  return evaluation_step(std::move(model), initializers, first_output(given_labels, options), options);
}

}  // namespace cnnc

#include "passes/training/training_step.h"

#include <cmath>
#include <functional>
#include <map>

#include "ir/error.h"
#include "ir/ops/graph_parts.h"
#include "passes/autodiff/gradients.h"
#include "passes/training/losses.h"
#include "passes/training/optimizer.h"
#include "passes/training/parameters.h"
#include "passes/training/training_form.h"

namespace cnnc {
namespace {

class StepBuilder {
 public:
  StepBuilder(std::unique_ptr<Graph> model, const Type& given_labels,
              const TrainingOptions& options)
      : options_(options), given_labels_(given_labels) {
    step_.graph = std::move(model);
    step_.model_inputs = graph().inputs().size();
    if (graph().outputs().empty()) throw Error("the model has no output to compute a loss of");
    output_ = graph().outputs()[0];
    step_.output = output_->type();
  }

  TrainingStep training(const std::set<std::string>& initializers) {
    const Parameters parameters =
        promote_parameters(graph(), initializers, options_.frozen);
    if (parameters.trained.empty()) throw Error("the model has no weights that could be trained");
    step_.is_training = true;
    TrainingForm form = to_training_form(graph(), parameters, options_.seed);
    step_.has_step_number = form.step_number != nullptr;
    output_ = graph().outputs()[0];
    add_loss_inputs();
    std::vector<Value*> numbers{graph().add_input({DType::f32, {}}, "learning_rate")};
    step_.has_bias_correction = has_bias_correction(options_.optimizer.kind);
    if (step_.has_bias_correction) numbers.push_back(graph().add_input({DType::f32, {}}, "bias_correction"));
    graph().append_at_end();
    Value* loss = penalized(parameters, regularized(parameters, data_loss()));
    graph().remove_outputs();
    graph().add_output(loss, "loss");
    if (options_.keep_output) graph().add_output(output_, "output");
    // As outputs of the graph these follow when differentiation takes nodes apart.
    for (const RunningStatistic& s : form.statistics)
      carry(s.name, s.initial, s.value, s.next, true);
    const std::vector<Value*> slopes = slopes_of(parameters, loss);
    // With a loss that is no number, everything carried stays as it is.
    Value* size = graph().make("Abs", {loss});
    numbers.insert(numbers.begin(), graph().make("Less", {size, number_like(graph(), size, HUGE_VAL)}));
    guard_statistics(numbers[0], form.statistics.size());
    add_updates(parameters, slopes, numbers);
    return finish();
  }

  TrainingStep evaluation(const std::set<std::string>& initializers) {
    const Parameters parameters = promote_parameters(graph(), initializers, options_.frozen);
    add_loss_inputs();
    graph().append_at_end();
    Value* loss = penalized(parameters, data_loss());
    graph().remove_outputs();
    graph().add_output(loss, "loss");
    graph().add_output(output_, "output");
    for (const auto* list : {&parameters.trained, &parameters.statistics}) {
      for (const auto& p : *list) {
        step_.carried.push_back({p.name, p.initial, true});
        inputs_.push_back(p.value);
      }
    }
    return finish();
  }

 private:
  Graph& graph() { return *step_.graph; }

  void add_loss_inputs() {
    step_.labels = label_type(options_.loss, step_.output, given_labels_);
    labels_ = graph().add_input(step_.labels, "labels");
    step_.has_sample_weights = options_.sample_weights;
    if (options_.sample_weights)
      weights_ = graph().add_input({DType::f32, {step_.output.dims[0]}}, "sample_weights");
  }

  Value* data_loss() { return loss_of(graph(), options_.loss, output_, labels_, weights_); }

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

  std::vector<Value*> slopes_of(const Parameters& parameters, Value* loss) {
    std::vector<Value*> wrt;
    for (const auto& p : parameters.trained) wrt.push_back(p.value);
    std::vector<Value*> slopes = gradients(graph(), loss, wrt);
    graph().append_at_end();
    for (size_t i = 0; i < wrt.size(); ++i)
      if (slopes[i] == nullptr) slopes[i] = graph().constant(Tensor(wrt[i]->dtype(), wrt[i]->type().shape()));
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
    std::vector<std::function<void()>> states;  // are carried behind all parameters
    for (const auto& [dtype, members] : by_type) {
      const UpdateRule rule = update_rule(options_.optimizer, dtype);
      std::vector<Value*> operands = shared, inputs;
      for (size_t i : members) {
        Value* w = parameters.trained[i].value;
        operands.insert(operands.end(), {w, slopes[i]});
        for (const UpdateRule::State& s : rule.states) {
          inputs.push_back(graph().add_input(w->type(), w->name() + "/" + s.name));
          operands.push_back(inputs.back());
        }
      }
      const size_t results = 1 + rule.states.size();
      const Node& update = for_each(rule.body, rule.shared, members.size(), results, std::move(operands));
      for (size_t k = 0; k < members.size(); ++k) {
        const auto& p = parameters.trained[members[k]];
        carry(p.name, p.initial, p.value, update.output(k * results), true);
        step_.parameter_count += p.initial.size();
      }
      for (size_t k = 0; k < inputs.size(); ++k) {
        const size_t set = k / rule.states.size(), state = k % rule.states.size();
        Value *input = inputs[k], *next = update.output(set * results + 1 + state);
        states.emplace_back([this, input, next, initial = rule.states[state].initial] { carry_state(input, next, initial); });
      }
    }
    for (const auto& carry_next : states) carry_next();
  }

  void carry_state(Value* input, Value* next, double initial) {
    Tensor tensor(input->dtype(), input->type().shape());
    for (int64_t k = 0; initial != 0 && k < tensor.size(); ++k) tensor.set_double(k, initial);
    carry(input->name(), tensor, input, next, false);
  }

  void carry(const std::string& name, const Tensor& initial, Value* input, Value* next,
             bool is_parameter) {
    step_.carried.push_back({name, initial, is_parameter});
    inputs_.push_back(input);
    graph().add_output(next, name);
    graph().set_updated_input(graph().outputs().size() - 1, input);
  }

  // Carried tensors are the last inputs, in the order of the outputs.
  TrainingStep finish() {
    graph().move_inputs_to_end(inputs_);
    return std::move(step_);
  }

  TrainingStep step_;
  const TrainingOptions& options_;
  Type given_labels_;
  Value* output_ = nullptr;
  Value* labels_ = nullptr;
  Value* weights_ = nullptr;
  std::vector<Value*> inputs_;
};

}  // namespace

TrainingStep training_step(std::unique_ptr<Graph> model, const std::set<std::string>& initializers,
                           const Type& given_labels, const TrainingOptions& options) {
  return StepBuilder(std::move(model), given_labels, options).training(initializers);
}

TrainingStep evaluation_step(std::unique_ptr<Graph> model,
                             const std::set<std::string>& initializers, const Type& given_labels,
                             const TrainingOptions& options) {
  return StepBuilder(std::move(model), given_labels, options).evaluation(initializers);
}

}  // namespace cnnc

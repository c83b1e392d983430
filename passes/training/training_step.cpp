#include "passes/training/training_step.h"

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
    StepInputs numbers;
    numbers.learning_rate = graph().add_input({DType::f32, {}}, "learning_rate");
    step_.has_bias_correction = has_bias_correction(options_.optimizer.kind);
    if (step_.has_bias_correction)
      numbers.bias_correction = graph().add_input({DType::f32, {}}, "bias_correction");
    step_.has_share = options_.several_processes;
    if (step_.has_share) share_ = graph().add_input({DType::f32, {}}, "share");
    graph().append_at_end();
    Value* loss = shared(penalized(parameters, regularized(parameters, data_loss())));
    graph().remove_outputs();
    graph().add_output(loss, "loss");
    if (options_.keep_output) graph().add_output(output_, "output");
    // As outputs of the graph these follow when differentiation takes nodes apart.
    for (const RunningStatistic& s : form.statistics)
      carry(s.name, s.initial, s.value, s.next, true);
    add_updates(parameters, loss, numbers);
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
    // In the order of a training step, which carries more after them.
    for (const auto* list : {&parameters.statistics, &parameters.trained}) {
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

  // The sum of the processes' shares is the whole.
  Value* shared(Value* part) { return share_ == nullptr ? part : graph().make("Mul", {part, share_}); }

  // Makes the loss, the statistics and the gradients those of the whole batch.
  void reduce_over_processes(std::vector<Value*>& slopes) {
    std::vector<Value*> values = graph().outputs();
    for (size_t i = 1; i < values.size(); ++i) values[i] = shared(values[i]);
    const size_t outputs = values.size();
    values.insert(values.end(), slopes.begin(), slopes.end());
    values = all_reduced(graph(), values);
    for (size_t i = 0; i < outputs; ++i) graph().set_output(i, values[i]);
    slopes.assign(values.begin() + static_cast<std::ptrdiff_t>(outputs), values.end());
  }

  void add_updates(const Parameters& parameters, Value* loss, const StepInputs& numbers) {
    std::vector<Value*> wrt;
    for (const auto& p : parameters.trained) wrt.push_back(p.value);
    std::vector<Value*> slopes = gradients(graph(), loss, wrt);
    graph().append_at_end();
    for (size_t i = 0; i < wrt.size(); ++i)
      if (slopes[i] == nullptr) slopes[i] = graph().constant(Tensor(wrt[i]->dtype(), wrt[i]->type().shape()));
    if (share_ != nullptr) reduce_over_processes(slopes);
    OptimizerBuilder optimizer(graph(), options_.optimizer, numbers);
    slopes = optimizer.limited(std::move(slopes));
    for (size_t i = 0; i < wrt.size(); ++i) {
      const auto& p = parameters.trained[i];
      carry(p.name, p.initial, p.value, optimizer.updated(p.value, slopes[i]), true);
      step_.parameter_count += p.initial.size();
    }
    for (const CarriedState& s : optimizer.state()) {
      Tensor initial(s.input->dtype(), s.input->type().shape());
      for (int64_t k = 0; s.initial != 0 && k < initial.size(); ++k) initial.set_double(k, s.initial);
      carry(s.name, initial, s.input, s.next, false);
    }
  }

  void carry(const std::string& name, const Tensor& initial, Value* input, Value* next,
             bool is_parameter) {
    step_.carried.push_back({name, initial, is_parameter});
    inputs_.push_back(input);
    graph().add_output(next, name);
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
  Value* share_ = nullptr;
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

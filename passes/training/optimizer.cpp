#include "passes/training/optimizer.h"

#include "ir/error.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {

// ---- what the formulae take from outside -------------------------------------------------------

static bool is_pytorch(const OptimizerOptions& options) { return options.convention == Convention::pytorch; }

StepFactors step_factors(const OptimizerOptions& options) {
  StepFactors factors;
  factors.beta1 = options.beta1;
  factors.beta2 = options.beta2;
  factors.dampening = options.dampening;
  const auto add = [&](StepFactor kind) { factors.kinds[factors.count++] = kind; };
  switch (options.kind) {
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      add(StepFactor::bias_correction);
      if (is_pytorch(options)) add(StepFactor::second_correction);
      break;
    case OptimizerKind::adamax:
      factors.beta2 = 0;  // the second moment is a maximum that needs no correction
      add(StepFactor::bias_correction);
      break;
    case OptimizerKind::sgd:
      if (options.dampening != 0) add(StepFactor::undampened);
      break;
    default:
      break;
  }
  return factors;
}

std::vector<const char*> factor_names(const OptimizerOptions& options) {
  static constexpr const char* kNames[] = {"bias_correction", "second_correction", "undampened"};
  const StepFactors factors = step_factors(options);
  std::vector<const char*> names;
  for (int32_t i = 0; i < factors.count; ++i) names.push_back(kNames[static_cast<size_t>(factors.kinds[i])]);
  return names;
}

// ---- limits on gradients -----------------------------------------------------------------------

static Value* sum_of_squares(Graph& g, Value* x) {
  return g.make("ReduceSumSquare", {x}, {{"keepdims", int64_t{0}}});
}

// x * limit / max(norm, limit); PyTorch adds 1e-6 to the norm.
static Value* with_norm(Graph& g, Value* x, Value* squares, double limit, bool is_pytorch) {
  Value* most = number_like(g, x, limit);
  Value* norm = g.make("Sqrt", {squares});
  if (is_pytorch) norm = g.make("Add", {norm, number_like(g, norm, 1e-6)});
  Value* divisor = g.make("Max", {norm, most});
  return g.make("Mul", {x, g.make("Div", {most, divisor})});
}

std::vector<Value*> limited_gradients(Graph& g, const OptimizerOptions& options, std::vector<Value*> gradients) {
  if (options.clip_norm > 0)
    for (Value*& x : gradients) x = with_norm(g, x, sum_of_squares(g, x), options.clip_norm, is_pytorch(options));
  if (options.global_clip_norm > 0 && !gradients.empty()) {
    Value* total = sum_of_squares(g, gradients[0]);
    for (size_t i = 1; i < gradients.size(); ++i)
      total = g.make("Add", {total, sum_of_squares(g, gradients[i])});
    for (Value*& x : gradients) x = with_norm(g, x, total, options.global_clip_norm, is_pytorch(options));
  }
  if (options.clip_value > 0)
    for (Value*& x : gradients)
      x = g.make("Clip", {x, number_like(g, x, -options.clip_value), number_like(g, x, options.clip_value)});
  return gradients;
}

// ---- updates -----------------------------------------------------------------------------------

namespace {

// The length of the rows that stand for parameters.
Type row_of(DType dtype) { return {dtype, {Dim::symbol("n")}}; }

class RuleBuilder {
 public:
  RuleBuilder(const OptimizerOptions& options, DType dtype)
      : options_(options), dtype_(dtype), rule_{std::make_shared<Graph>("update"), 2, {}}, g_(*rule_.body) {}

  UpdateRule build() {
    Value* apply = g_.add_input({DType::boolean, {}}, "apply");
    learning_rate_ = number("learning_rate");
    for (const char* name : factor_names(options_)) factors_.push_back(number(name)), ++rule_.shared;
    Value* w = g_.add_input(row_of(dtype_), "w");
    Value* gradient = g_.add_input(row_of(dtype_), "gradient");
    if (decays_gradient()) add_result(apply, w, updated(w, make("Add", {gradient, scaled(w, options_.weight_decay)})));
    else add_result(apply, w, updated(decayed(w), gradient));
    for (const auto& [old, next] : states_) add_result(apply, old, next);
    return std::move(rule_);
  }

 private:
  Value* number(const char* name) { return converted(g_, g_.add_input({DType::f32, {}}, name), dtype_); }

  void add_result(Value* apply, Value* old, Value* next) { g_.add_output(make("Where", {apply, next, old})); }

  Value* make(std::string_view op, std::vector<Value*> inputs) { return g_.make(op, std::move(inputs)); }
  Value* scaled(Value* x, double factor) { return make("Mul", {x, number_like(g_, x, factor)}); }
  Value* stepped_back(Value* w, Value* step) { return make("Sub", {w, step}); }

  // old + (1 - factor) (x - old): rounded as Keras does, and one product less than the sum of both parts.
  Value* moved(Value* old, Value* x, double factor) { return make("Add", {old, scaled(make("Sub", {x, old}), 1 - factor)}); }

  // factor * old + (1 - factor) * x
  Value* moving_average(Value* old, Value* x, double factor) {
    return make("Add", {scaled(old, factor), scaled(x, 1 - factor)});
  }

  // A state like the parameter; `set` tells what it becomes.
  Value* add_state(const char* name, double initial = 0) {
    rule_.states.push_back({name, initial});
    states_.emplace_back(g_.add_input(row_of(dtype_), name), nullptr);
    return states_.back().first;
  }

  Value* set(Value* state, Value* next) {
    for (auto& [old, value] : states_)
      if (old == state) value = next;
    return next;
  }

  bool is_pytorch() const { return options_.convention == Convention::pytorch; }
  bool decays_gradient() const {
    return is_pytorch() && options_.kind != OptimizerKind::adamw && options_.weight_decay > 0;
  }

  // sqrt(x + epsilon) of Keras, sqrt(x) + epsilon of PyTorch.
  Value* root(Value* x) {
    Value* epsilon = number_like(g_, x, options_.epsilon);
    if (is_pytorch()) return make("Add", {make("Sqrt", {x}), epsilon});
    return make("Sqrt", {make("Add", {x, epsilon})});
  }

  Value* decayed(Value* w) {
    if (options_.weight_decay <= 0) return w;
    return make("Sub", {w, make("Mul", {scaled(learning_rate_, options_.weight_decay), w})});
  }

  Value* updated(Value* w, Value* gradient) {
    switch (options_.kind) {
      case OptimizerKind::sgd:
        return is_pytorch() ? sgd_of_pytorch(w, gradient) : sgd(w, gradient);
      case OptimizerKind::adam:
      case OptimizerKind::adamw:
        return adam(w, gradient);
      case OptimizerKind::rmsprop:
        return rmsprop(w, gradient);
      case OptimizerKind::adagrad:
        return adagrad(w, gradient);
      case OptimizerKind::lion:
        return lion(w, gradient);
      case OptimizerKind::adadelta:
        return adadelta(w, gradient);
      case OptimizerKind::adamax:
        return adamax(w, gradient);
    }
    return nullptr;
  }

  Value* sgd(Value* w, Value* g) {
    Value* step = make("Mul", {learning_rate_, g});
    if (options_.momentum == 0) return stepped_back(w, step);
    Value* old = add_state("momentum");
    Value* v = set(old, make("Sub", {scaled(old, options_.momentum), step}));
    if (options_.nesterov) return make("Add", {w, make("Sub", {scaled(v, options_.momentum), step})});
    return make("Add", {w, v});
  }

  // The rate applies to the sum of gradients, not to each of them; the first step has no dampening.
  Value* sgd_of_pytorch(Value* w, Value* g) {
    if (options_.momentum == 0) return stepped_back(w, make("Mul", {learning_rate_, g}));
    Value* old = add_state("momentum_buffer");
    Value* added = options_.dampening == 0 ? g : make("Mul", {factors_[0], g});
    Value* sum = set(old, make("Add", {scaled(old, options_.momentum), added}));
    if (options_.nesterov) sum = make("Add", {g, scaled(sum, options_.momentum)});
    return stepped_back(w, make("Mul", {learning_rate_, sum}));
  }

  // Keras adds epsilon to sqrt(v), PyTorch to the corrected sqrt(v) / sqrt(1 - beta2^t).
  Value* adam(Value* w, Value* g) {
    Value *old_m = add_state("m"), *old_v = add_state("v");
    Value* m = set(old_m, moved(old_m, g, options_.beta1));
    Value* v = set(old_v, moved(old_v, make("Mul", {g, g}), options_.beta2));
    Value* rate = make("Mul", {learning_rate_, factors_[0]});
    if (options_.amsgrad) {
      Value* old_most = add_state("v_hat");
      v = set(old_most, make("Max", {old_most, v}));
    }
    Value* epsilon = number_like(g_, v, options_.epsilon);
    if (is_pytorch()) epsilon = make("Mul", {factors_[1], epsilon});
    Value* divisor = make("Add", {make("Sqrt", {v}), epsilon});
    return stepped_back(w, make("Div", {make("Mul", {rate, m}), divisor}));
  }

  Value* rmsprop(Value* w, Value* g) {
    Value* old_v = add_state("velocity");
    Value* v = set(old_v, moving_average(old_v, make("Mul", {g, g}), options_.rho));
    if (options_.centered) {
      Value* old_mean = add_state("average_gradient");
      Value* mean = set(old_mean, moving_average(old_mean, g, options_.rho));
      v = make("Sub", {v, make("Mul", {mean, mean})});
    }
    // Rounding can take the variance below 0.
    if (is_pytorch()) return rmsprop_of_pytorch(w, make("Div", {g, root(make("Relu", {v}))}));
    Value* step = make("Div", {make("Mul", {learning_rate_, g}), root(v)});
    if (options_.momentum == 0) return stepped_back(w, step);
    Value* old = add_state("momentum");
    return stepped_back(w, set(old, make("Add", {scaled(old, options_.momentum), step})));
  }

  Value* rmsprop_of_pytorch(Value* w, Value* step) {
    if (options_.momentum != 0) {
      Value* old = add_state("momentum_buffer");
      step = set(old, make("Add", {scaled(old, options_.momentum), step}));
    }
    return stepped_back(w, make("Mul", {learning_rate_, step}));
  }

  Value* adagrad(Value* w, Value* g) {
    Value* old = add_state("accumulator", options_.initial_accumulator);
    Value* n = set(old, make("Add", {old, make("Mul", {g, g})}));
    return stepped_back(w, make("Div", {make("Mul", {learning_rate_, g}), root(n)}));
  }

  Value* lion(Value* w, Value* g) {
    Value* old = add_state("m");
    Value* direction = make("Sign", {moving_average(old, g, options_.beta1)});
    set(old, moving_average(old, g, options_.beta2));
    return stepped_back(w, make("Mul", {learning_rate_, direction}));
  }

  Value* adadelta(Value* w, Value* g) {
    Value *old_g = add_state("accumulated_gradient"), *old_d = add_state("accumulated_delta");
    const auto deviation = [&](Value* x) { return make("Sqrt", {make("Add", {x, number_like(g_, x, options_.epsilon)})}); };
    Value* squares = set(old_g, moving_average(old_g, make("Mul", {g, g}), options_.rho));
    Value* delta = make("Div", {make("Mul", {deviation(old_d), g}), deviation(squares)});
    set(old_d, moving_average(old_d, make("Mul", {delta, delta}), options_.rho));
    return stepped_back(w, make("Mul", {learning_rate_, delta}));
  }

  // Keras adds epsilon to the maximum, PyTorch to the gradient in it.
  Value* adamax(Value* w, Value* g) {
    Value *old_m = add_state("m"), *old_u = add_state("u");
    Value* m = set(old_m, moved(old_m, g, options_.beta1));
    Value* epsilon = number_like(g_, old_u, options_.epsilon);
    Value* size = make("Abs", {g});
    if (is_pytorch()) size = make("Add", {size, epsilon});
    Value* u = set(old_u, make("Max", {scaled(old_u, options_.beta2), size}));
    Value* rate = make("Mul", {learning_rate_, factors_[0]});
    Value* divisor = is_pytorch() ? u : make("Add", {u, epsilon});
    return stepped_back(w, make("Div", {make("Mul", {rate, m}), divisor}));
  }

  const OptimizerOptions& options_;
  DType dtype_;
  UpdateRule rule_;
  Graph& g_;
  Value* learning_rate_ = nullptr;
  std::vector<Value*> factors_;
  std::vector<std::pair<Value*, Value*>> states_;  // before and after the step
};

}  // namespace

UpdateRule update_rule(const OptimizerOptions& options, DType dtype) { return RuleBuilder(options, dtype).build(); }

std::shared_ptr<Graph> guarded_copy(DType dtype) {
  auto body = std::make_shared<Graph>("update");
  Value* apply = body->add_input({DType::boolean, {}}, "apply");
  Value* old = body->add_input(row_of(dtype), "old");
  Value* next = body->add_input(row_of(dtype), "next");
  body->add_output(body->make("Where", {apply, next, old}));
  return body;
}

}  // namespace cnnc

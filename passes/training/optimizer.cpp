#include "passes/training/optimizer.h"

#include "ir/error.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {

bool has_bias_correction(OptimizerKind kind) {
  return kind == OptimizerKind::adam || kind == OptimizerKind::adamw || kind == OptimizerKind::adamax;
}

double correction_beta2(const OptimizerOptions& options) {
  return options.kind == OptimizerKind::adamax ? 0 : options.beta2;
}

// ---- limits on gradients -----------------------------------------------------------------------

static Value* sum_of_squares(Graph& g, Value* x) {
  return g.make("ReduceSumSquare", {x}, {{"keepdims", int64_t{0}}});
}

// x * limit / max(norm, limit)
static Value* with_norm(Graph& g, Value* x, Value* squares, double limit) {
  Value* most = number_like(g, x, limit);
  Value* divisor = g.make("Max", {g.make("Sqrt", {squares}), most});
  return g.make("Mul", {x, g.make("Div", {most, divisor})});
}

std::vector<Value*> limited_gradients(Graph& g, const OptimizerOptions& options, std::vector<Value*> gradients) {
  if (options.clip_norm > 0)
    for (Value*& x : gradients) x = with_norm(g, x, sum_of_squares(g, x), options.clip_norm);
  if (options.global_clip_norm > 0 && !gradients.empty()) {
    Value* total = sum_of_squares(g, gradients[0]);
    for (size_t i = 1; i < gradients.size(); ++i)
      total = g.make("Add", {total, sum_of_squares(g, gradients[i])});
    for (Value*& x : gradients) x = with_norm(g, x, total, options.global_clip_norm);
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
    if (has_bias_correction(options_.kind)) bias_correction_ = number("bias_correction"), ++rule_.shared;
    Value* w = g_.add_input(row_of(dtype_), "w");
    Value* gradient = g_.add_input(row_of(dtype_), "gradient");
    add_result(apply, w, updated(decayed(w), gradient));
    for (const auto& [old, next] : states_) add_result(apply, old, next);
    return std::move(rule_);
  }

 private:
  Value* number(const char* name) { return converted(g_, g_.add_input({DType::f32, {}}, name), dtype_); }

  void add_result(Value* apply, Value* old, Value* next) { g_.add_output(make("Where", {apply, next, old})); }

  Value* make(std::string_view op, std::vector<Value*> inputs) { return g_.make(op, std::move(inputs)); }
  Value* scaled(Value* x, double factor) { return make("Mul", {x, number_like(g_, x, factor)}); }
  Value* stepped_back(Value* w, Value* step) { return make("Sub", {w, step}); }

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

  Value* decayed(Value* w) {
    if (options_.weight_decay <= 0) return w;
    return make("Sub", {w, make("Mul", {scaled(learning_rate_, options_.weight_decay), w})});
  }

  Value* updated(Value* w, Value* gradient) {
    switch (options_.kind) {
      case OptimizerKind::sgd:
        return sgd(w, gradient);
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

  Value* adam(Value* w, Value* g) {
    Value *old_m = add_state("m"), *old_v = add_state("v");
    Value* m = set(old_m, moving_average(old_m, g, options_.beta1));
    Value* v = set(old_v, moving_average(old_v, make("Mul", {g, g}), options_.beta2));
    Value* rate = make("Mul", {learning_rate_, bias_correction_});
    if (options_.amsgrad) {
      Value* old_most = add_state("v_hat");
      v = set(old_most, make("Max", {old_most, v}));
    }
    Value* divisor = make("Add", {make("Sqrt", {v}), number_like(g_, v, options_.epsilon)});
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
    Value* root = make("Sqrt", {make("Add", {v, number_like(g_, v, options_.epsilon)})});
    Value* step = make("Div", {make("Mul", {learning_rate_, g}), root});
    if (options_.momentum == 0) return stepped_back(w, step);
    Value* old = add_state("momentum");
    return stepped_back(w, set(old, make("Add", {scaled(old, options_.momentum), step})));
  }

  Value* adagrad(Value* w, Value* g) {
    Value* old = add_state("accumulator", options_.initial_accumulator);
    Value* n = set(old, make("Add", {old, make("Mul", {g, g})}));
    Value* root = make("Sqrt", {make("Add", {n, number_like(g_, n, options_.epsilon)})});
    return stepped_back(w, make("Div", {make("Mul", {learning_rate_, g}), root}));
  }

  Value* lion(Value* w, Value* g) {
    Value* old = add_state("m");
    Value* direction = make("Sign", {moving_average(old, g, options_.beta1)});
    set(old, moving_average(old, g, options_.beta2));
    return stepped_back(w, make("Mul", {learning_rate_, direction}));
  }

  Value* adadelta(Value* w, Value* g) {
    Value *old_g = add_state("accumulated_gradient"), *old_d = add_state("accumulated_delta");
    const auto root = [&](Value* x) { return make("Sqrt", {make("Add", {x, number_like(g_, x, options_.epsilon)})}); };
    Value* squares = set(old_g, moving_average(old_g, make("Mul", {g, g}), options_.rho));
    Value* delta = make("Div", {make("Mul", {root(old_d), g}), root(squares)});
    set(old_d, moving_average(old_d, make("Mul", {delta, delta}), options_.rho));
    return stepped_back(w, make("Mul", {learning_rate_, delta}));
  }

  Value* adamax(Value* w, Value* g) {
    Value *old_m = add_state("m"), *old_u = add_state("u");
    Value* m = set(old_m, moving_average(old_m, g, options_.beta1));
    Value* u = set(old_u, make("Max", {scaled(old_u, options_.beta2), make("Abs", {g})}));
    Value* rate = make("Mul", {learning_rate_, bias_correction_});
    Value* divisor = make("Add", {u, number_like(g_, u, options_.epsilon)});
    return stepped_back(w, make("Div", {make("Mul", {rate, m}), divisor}));
  }

  const OptimizerOptions& options_;
  DType dtype_;
  UpdateRule rule_;
  Graph& g_;
  Value *learning_rate_ = nullptr, *bias_correction_ = nullptr;
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

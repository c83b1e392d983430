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

// ---- graph parts -------------------------------------------------------------------------------

Value* OptimizerBuilder::scaled(Value* x, double factor) {
  return make("Mul", {x, number_like(g_, x, factor)});
}

Value* OptimizerBuilder::moving_average(Value* old, Value* x, double factor) {
  return make("Add", {scaled(old, factor), scaled(x, 1 - factor)});
}

Value* OptimizerBuilder::add_state(const char* name, double initial) {
  const std::string full = parameter_->name() + "/" + name;
  Value* input = g_.add_input(parameter_->type(), full);
  state_.push_back({full, input, nullptr, initial});
  return input;
}

Value* OptimizerBuilder::set(Value* state, Value* next) {
  for (CarriedState& s : state_)
    if (s.input == state) s.next = next;
  return next;
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

std::vector<Value*> OptimizerBuilder::limited(std::vector<Value*> gradients) {
  if (options_.clip_norm > 0)
    for (Value*& x : gradients) x = with_norm(g_, x, sum_of_squares(g_, x), options_.clip_norm);
  if (options_.global_clip_norm > 0 && !gradients.empty()) {
    Value* total = sum_of_squares(g_, gradients[0]);
    for (size_t i = 1; i < gradients.size(); ++i)
      total = make("Add", {total, sum_of_squares(g_, gradients[i])});
    for (Value*& x : gradients) x = with_norm(g_, x, total, options_.global_clip_norm);
  }
  if (options_.clip_value > 0)
    for (Value*& x : gradients)
      x = make("Clip", {x, number_like(g_, x, -options_.clip_value),
                        number_like(g_, x, options_.clip_value)});
  return gradients;
}

// ---- updates -----------------------------------------------------------------------------------

Value* OptimizerBuilder::updated(Value* w, Value* gradient) {
  parameter_ = w;
  Value* decayed = w;
  if (options_.weight_decay > 0)
    decayed =
        make("Sub", {w, make("Mul", {scaled(step_.learning_rate, options_.weight_decay), w})});
  switch (options_.kind) {
    case OptimizerKind::sgd:
      return sgd(decayed, gradient);
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return adam(decayed, gradient);
    case OptimizerKind::rmsprop:
      return rmsprop(decayed, gradient);
    case OptimizerKind::adagrad:
      return adagrad(decayed, gradient);
    case OptimizerKind::lion:
      return lion(decayed, gradient);
    case OptimizerKind::adadelta:
      return adadelta(decayed, gradient);
    case OptimizerKind::adamax:
      return adamax(decayed, gradient);
  }
  return nullptr;
}

Value* OptimizerBuilder::sgd(Value* w, Value* g) {
  Value* step = make("Mul", {step_.learning_rate, g});
  if (options_.momentum == 0) return stepped_back(w, step);
  Value* old = add_state("momentum");
  Value* v = set(old, make("Sub", {scaled(old, options_.momentum), step}));
  if (options_.nesterov) return make("Add", {w, make("Sub", {scaled(v, options_.momentum), step})});
  return make("Add", {w, v});
}

Value* OptimizerBuilder::adam(Value* w, Value* g) {
  Value *old_m = add_state("m"), *old_v = add_state("v");
  Value* m = set(old_m, moving_average(old_m, g, options_.beta1));
  Value* v = set(old_v, moving_average(old_v, make("Mul", {g, g}), options_.beta2));
  Value* rate = make("Mul", {step_.learning_rate, step_.bias_correction});
  if (options_.amsgrad) {
    Value* old_most = add_state("v_hat");
    v = set(old_most, make("Max", {old_most, v}));
  }
  Value* divisor = make("Add", {make("Sqrt", {v}), number_like(g_, v, options_.epsilon)});
  return stepped_back(w, make("Div", {make("Mul", {rate, m}), divisor}));
}

Value* OptimizerBuilder::rmsprop(Value* w, Value* g) {
  Value* old_v = add_state("velocity");
  Value* v = set(old_v, moving_average(old_v, make("Mul", {g, g}), options_.rho));
  if (options_.centered) {
    Value* old_mean = add_state("average_gradient");
    Value* mean = set(old_mean, moving_average(old_mean, g, options_.rho));
    v = make("Sub", {v, make("Mul", {mean, mean})});
  }
  Value* root = make("Sqrt", {make("Add", {v, number_like(g_, v, options_.epsilon)})});
  Value* step = make("Div", {make("Mul", {step_.learning_rate, g}), root});
  if (options_.momentum == 0) return stepped_back(w, step);
  Value* old = add_state("momentum");
  return stepped_back(w, set(old, make("Add", {scaled(old, options_.momentum), step})));
}

Value* OptimizerBuilder::adagrad(Value* w, Value* g) {
  Value* old = add_state("accumulator", options_.initial_accumulator);
  Value* n = set(old, make("Add", {old, make("Mul", {g, g})}));
  Value* root = make("Sqrt", {make("Add", {n, number_like(g_, n, options_.epsilon)})});
  return stepped_back(w, make("Div", {make("Mul", {step_.learning_rate, g}), root}));
}

Value* OptimizerBuilder::lion(Value* w, Value* g) {
  Value* old = add_state("m");
  Value* direction = make("Sign", {moving_average(old, g, options_.beta1)});
  set(old, moving_average(old, g, options_.beta2));
  return stepped_back(w, make("Mul", {step_.learning_rate, direction}));
}

Value* OptimizerBuilder::adadelta(Value* w, Value* g) {
  Value *old_g = add_state("accumulated_gradient"), *old_d = add_state("accumulated_delta");
  const auto root = [&](Value* x) {
    return make("Sqrt", {make("Add", {x, number_like(g_, x, options_.epsilon)})});
  };
  Value* squares = set(old_g, moving_average(old_g, make("Mul", {g, g}), options_.rho));
  Value* delta = make("Div", {make("Mul", {root(old_d), g}), root(squares)});
  set(old_d, moving_average(old_d, make("Mul", {delta, delta}), options_.rho));
  return stepped_back(w, make("Mul", {step_.learning_rate, delta}));
}

Value* OptimizerBuilder::adamax(Value* w, Value* g) {
  Value *old_m = add_state("m"), *old_u = add_state("u");
  Value* m = set(old_m, moving_average(old_m, g, options_.beta1));
  Value* u = set(old_u, make("Max", {scaled(old_u, options_.beta2), make("Abs", {g})}));
  Value* rate = make("Mul", {step_.learning_rate, step_.bias_correction});
  Value* divisor = make("Add", {u, number_like(g_, u, options_.epsilon)});
  return stepped_back(w, make("Div", {make("Mul", {rate, m}), divisor}));
}

}  // namespace cnnc

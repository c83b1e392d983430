// LSTM, GRU and SimpleRNN over sequences [batch, steps, features], in one direction or in both.
#include <algorithm>
#include <limits>
#include <optional>

#include "frontend/dsl/masks.h"
#include "frontend/dsl/random_parts.h"

namespace cnnc::dsl {

using Recurrence = Tensors (*)(LayerScope&, const Tensors&, int64_t units, const RecurrentOptions&, const Location&);

// What makes another layer like it.
struct RecurrentForm {
  Recurrence recurrence;
  int64_t units;
  RecurrentOptions options;
};

namespace {

// Weights in Keras' form, [rows, gates * units] or [gates * units], with the gates in the order of ONNX's operator.
Tensor with_gates(const Tensor& weights, const std::vector<int64_t>& order, int64_t units, const Location& where) {
  const auto axis = static_cast<int64_t>(weights.shape().size()) - 1;
  Tensors gates;
  for (int64_t k : order) gates.push_back(record("Slice", {weights, integers({k * units}), integers({(k + 1) * units}),
                                                           integers({axis})}, {}, where));
  return record("Concat", gates, {{"axis", axis}}, where);
}

// [rows, columns] as the operator's [1, columns, rows].
Tensor for_one_direction(const Tensor& kernel, const Location& where) {
  const Tensor turned = record("Transpose", {kernel}, {{"perm", Ints{1, 0}}}, where);
  return record("Unsqueeze", {turned, integers({0})}, {}, where);
}

// The steps of [batch, steps, features] from the last to the first.
Tensor reversed_steps(const Tensor& x, const Location& where) {
  const int64_t before_first = std::numeric_limits<int64_t>::min();
  return record("Slice", {x, integers({-1}), integers({before_first}), integers({1}), integers({-1})}, {}, where);
}

struct RecurrentCell {
  std::string op;  // LSTM, GRU or RNN
  int states;
  size_t factors;  // the operator's operand
  std::vector<int64_t> order;  // of the operator's gates in Keras' weights
  std::vector<CellActivation> activations;
  Attributes attributes;
};

// ONNX's function, and its numbers where it has some.
struct NamedActivation {
  const char* name;
  Floats alpha, beta;
};

NamedActivation named(CellActivation activation) {
  switch (activation) {
    case CellActivation::sigmoid: return {"Sigmoid", {}, {}};
    case CellActivation::relu: return {"Relu", {}, {}};
    case CellActivation::elu: return {"Elu", {1}, {}};
    case CellActivation::softplus: return {"Softplus", {}, {}};
    case CellActivation::softsign: return {"Softsign", {}, {}};
    case CellActivation::hard_sigmoid: return {"HardSigmoid", {1.0 / 6}, {0.5}};
    case CellActivation::linear: return {"Affine", {1}, {0}};
    default: return {"Tanh", {}, {}};
  }
}

void set_activations(Attributes& attributes, const std::vector<CellActivation>& activations) {
  Strings names;
  Floats alphas, betas;
  for (const CellActivation activation : activations) {
    const NamedActivation a = named(activation);
    names.push_back(a.name);
    alphas.insert(alphas.end(), a.alpha.begin(), a.alpha.end());
    betas.insert(betas.end(), a.beta.begin(), a.beta.end());
  }
  attributes["activations"] = std::move(names);
  attributes["activation_alpha"] = std::move(alphas);
  attributes["activation_beta"] = std::move(betas);
}

struct RecurrentInput {
  Tensor sequence;
  Tensors states;  // none: zeros
  std::optional<Tensor> mask;
};

struct RecurrentWeights {
  Tensor kernel, recurrent;
  std::optional<Tensor> bias, recurrent_bias;
};

// Both biases with the gates in the operator's order, the input's first; a missing one is zeros.
Tensor joined_biases(const RecurrentCell& cell, const RecurrentWeights& w, int64_t units, const Location& where) {
  const Tensor bias = with_gates(*w.bias, cell.order, units, where);
  const Tensor recurrent = w.recurrent_bias ? with_gates(*w.recurrent_bias, cell.order, units, where)
                                            : constant_tensor(cnnc::Tensor(DType::f32, {w.bias->shape()[0]}));
  const Tensor both = record("Concat", {bias, recurrent}, {{"axis", int64_t{0}}}, where);
  return record("Unsqueeze", {both, integers({0})}, {}, where);
}

// [batch, steps, units] as [steps, batch, units], and back.
Tensor swapped(const Tensor& x, const Location& where) {
  return record("Transpose", {x}, {{"perm", Ints{1, 0, 2}}}, where);
}

// 0 or 1 / (1 - rate), [batch, size].
Tensor dropout_factors(const Tensor& sequence, int64_t size, double rate, const Location& where) {
  const Tensor of_sample = record("Squeeze", {first_along(sequence, {1, 2}, where), integers({2})}, {}, where);
  const Tensor shaped = of_sample + constant_tensor(cnnc::Tensor(DType::f32, {1, size}));
  const Tensor threshold = constant_tensor(cnnc::Tensor::scalar(DType::f32, rate));
  const Tensor kept = record("GreaterOrEqual", {uniform_like(shaped, 0, 1, where), threshold}, {}, where);
  return record("Cast", {kept}, {{"to", DType::f32}}, where) * (1 / (1 - rate));
}

// The operator on a sequence and its initial states, of which `lengths` steps (if given) count: the states of all steps,
// steps first, and with return_state those after the last one.
Tensors recurrent_operator(const RecurrentCell& cell, const Tensor& sequence, const std::optional<Tensor>& lengths,
                           const Tensors& states, const RecurrentWeights& w, int64_t units, const RecurrentOptions& o,
                           const Location& where) {
  Attributes attributes = cell.attributes;
  attributes["hidden_size"] = units;
  set_activations(attributes, cell.activations);
  const auto weights = [&](const Tensor& weight) {
    return for_one_direction(with_gates(weight, cell.order, units, where), where);
  };
  // Steps first: not every runtime that reads our files has the operator's other layout.
  const Tensor steps = swapped(sequence, where), kernel = weights(w.kernel), recurrent = weights(w.recurrent);
  std::vector<const Tensor*> operands{&steps, &kernel, &recurrent};
  std::optional<Tensor> biases;
  if (w.bias) operands.push_back(&biases.emplace(joined_biases(cell, w, units, where)));
  Tensors initial;
  for (const Tensor& state : states) initial.push_back(record("Unsqueeze", {state, integers({0})}, {}, where));
  if (lengths || !initial.empty()) operands.resize(5);
  if (lengths) operands[4] = &*lengths;
  for (const Tensor& state : initial) operands.push_back(&state);
  const int results = o.return_state ? 1 + cell.states : 1;
  Tensors all = record_results(cell.op, operands, attributes, results, where);
  if (o.recurrent_dropout > 0) {
    const Tensor factors = dropout_factors(sequence, w.recurrent.shape()[1], o.recurrent_dropout, where);
    operands.resize(cell.factors);
    operands.push_back(&factors);
    const Tensors dropped = record_results(cell.op, operands, attributes, results, where);
    for (size_t i = 0; i < all.size(); ++i) all[i] = when_training(all[i], dropped[i], where);
  }
  for (size_t i = 0; i < all.size(); ++i)  // the axis of directions
    all[i] = record("Squeeze", {all[i], integers({i == 0 ? 1 : 0})}, {}, where);
  return all;
}

Tensor in_order(const Tensor& x, const RecurrentOptions& o, const Location& where) {
  return o.go_backwards ? reversed_steps(x, where) : x;
}

// The operator knows sequences that end early alone: it gets the steps that count in front.
Tensors recur_masked(const RecurrentCell& cell, const RecurrentInput& input, const RecurrentWeights& w, int64_t units,
                     const RecurrentOptions& o, const Location& where) {
  const GatheredSteps steps(in_order(*input.mask, o, where), where);
  const Tensor sequence = steps.gathered(in_order(input.sequence, o, where));
  Tensors results = recurrent_operator(cell, sequence, steps.lengths(), input.states, w, units, o, where);
  const Tensor states = swapped(results[0], where);
  results[0] = o.return_sequences ? masked(steps.spread(states), input.mask) : steps.last(states);
  return results;
}

Tensors recur(const RecurrentCell& cell, const RecurrentInput& input, const RecurrentWeights& w, int64_t units,
              const RecurrentOptions& o, const Location& where) {
  if (input.mask) return recur_masked(cell, input, w, units, o, where);
  Tensors results = recurrent_operator(cell, in_order(input.sequence, o, where), {}, input.states, w, units, o, where);
  const Tensor last = constant_tensor(cnnc::Tensor::scalar(DType::i64, -1));
  results[0] = o.return_sequences ? swapped(results[0], where)
                                  : record("Gather", {results[0], last}, {{"axis", int64_t{0}}}, where);
  return results;
}

RecurrentInput recurrent_input(const Tensors& x, int states, int64_t units, const RecurrentOptions& o,
                               const Location& where) {
  const auto count = static_cast<size_t>(states);
  require(x.size() == 1 || x.size() == 1 + count, "takes a sequence, or a sequence and ", count,
          count == 1 ? " state" : " states (h, c)", ", was given ", x.size(), " tensors");
  one_of_rank({x[0]}, 3, "[batch, steps, features]");
  for (size_t i = 1; i < x.size(); ++i)
    require(x[i].rank() == 2 && x[i].shape()[1] == units, "takes states f32[batch,", units, "], was given ", x[i].type());
  if (x[0].mask()) mask_along(x[0], 1, where);  // it fits
  return {without_mask(dropped_along(x[0], {1}, o.dropout, where)), {x.begin() + 1, x.end()}, x[0].mask()};
}

RecurrentWeights kernels(LayerScope& scope, const Tensor& x, int64_t units, int64_t gates, const RecurrentOptions& o) {
  require(units > 0, "units is ", units, ", need a positive number");
  require(o.recurrent_dropout >= 0 && o.recurrent_dropout < 1, "recurrent_dropout is ", o.recurrent_dropout,
          ", need one in [0, 1)");
  return {scope.weight("kernel", {known_size(x, 2), gates * units}, o.kernel_initializer, o.kernel_regularizer),
          scope.weight("recurrent_kernel", {units, gates * units}, o.recurrent_initializer, o.recurrent_regularizer),
          {}, {}};
}

Tensors lstm(LayerScope& scope, const Tensors& x, int64_t units, const RecurrentOptions& o, const Location& where) {
  const RecurrentInput input = recurrent_input(x, 2, units, o, where);
  RecurrentWeights weights = kernels(scope, input.sequence, units, 4, o);
  if (o.use_bias) {
    const bool is_new = !scope.has("bias");
    weights.bias = scope.weight("bias", {4 * units}, o.bias_initializer, o.bias_regularizer);
    if (is_new && o.unit_forget_bias)
      std::fill_n(weights.bias->definition()->variable->value.mutable_data<float>() + units, units, 1.0f);
  }
  // Gates i, f, g, o here and i, o, f, g there.
  return recur({"LSTM", 2, 8, {0, 3, 1, 2}, {o.recurrent_activation, o.activation, o.activation}, {}}, input, weights, units, o,
               where);
}

Tensors gru(LayerScope& scope, const Tensors& x, int64_t units, const RecurrentOptions& o, const Location& where) {
  const RecurrentInput input = recurrent_input(x, 1, units, o, where);
  RecurrentWeights weights = kernels(scope, input.sequence, units, 3, o);
  if (o.use_bias) weights.bias = scope.weight("bias", {3 * units}, o.bias_initializer, o.bias_regularizer);
  if (o.use_bias && o.reset_after)
    weights.recurrent_bias = scope.weight("recurrent_bias", {3 * units}, o.bias_initializer, o.bias_regularizer);
  return recur({"GRU", 1, 6, {0, 1, 2}, {o.recurrent_activation, o.activation},
                {{"linear_before_reset", int64_t{o.reset_after}}}},
               input, weights, units, o, where);
}

Tensors simple_rnn(LayerScope& scope, const Tensors& x, int64_t units, const RecurrentOptions& o, const Location& where) {
  const RecurrentInput input = recurrent_input(x, 1, units, o, where);
  RecurrentWeights weights = kernels(scope, input.sequence, units, 1, o);
  if (o.use_bias) weights.bias = scope.weight("bias", {units}, o.bias_initializer, o.bias_regularizer);
  return recur({"RNN", 1, 6, {0}, {o.activation}, {}}, input, weights, units, o, where);
}

Layer::ManyFunction recurrent_function(const RecurrentForm& form, const Location& where) {
  return [=](LayerScope& scope, const Tensors& x) { return form.recurrence(scope, x, form.units, form.options, where); };
}

Tensor merged(const Tensor& a, const Tensor& b, Merge merge, const Location& where) {
  switch (merge) {
    case Merge::sum: return record("Add", {a, b}, {}, where);
    case Merge::multiply: return record("Mul", {a, b}, {}, where);
    case Merge::average: return record("Add", {a, b}, {}, where) * 0.5;
    default: return record("Concat", {a, b}, {{"axis", int64_t{a.rank() - 1}}}, where);
  }
}

Tensor zeros_where_masked(const Tensor& sequence, const Location& where) {
  const Tensor zero = constant_tensor(cnnc::Tensor::scalar(DType::f32, 0));
  return masked(record("Where", {mask_along(sequence, 1, where), sequence, zero}, {}, where), sequence.mask());
}

Tensors in_both_directions(LayerScope& scope, const Tensors& x, const RecurrentForm& form, Merge merge, const Location& where) {
  require(!form.options.go_backwards, "its layer goes backwards; give it the layer that goes forward");
  require(x.size() % 2 == 1, "takes a sequence, or a sequence and the states of both directions, was given ", x.size(), " tensors");
  const auto middle = x.begin() + 1 + static_cast<std::ptrdiff_t>(x.size() / 2);
  Tensors of_forward(x.begin(), middle), of_backward{x[0]};
  of_backward.insert(of_backward.end(), middle, x.end());
  RecurrentOptions back = form.options;
  back.go_backwards = true;
  LayerScope forward_scope = scope.part("forward_"), backward_scope = scope.part("backward_");
  Tensors results = form.recurrence(forward_scope, of_forward, form.units, form.options, where);
  Tensors others = form.recurrence(backward_scope, of_backward, form.units, back, where);
  Tensor back_in_order = without_mask(others[0]);
  if (back.return_sequences) back_in_order = reversed_steps(back_in_order, where);
  const Tensor joined = merged(without_mask(results[0]), back_in_order, merge, where);
  results[0] = results[0].mask() ? zeros_where_masked(masked(joined, results[0].mask()), where) : joined;
  results.insert(results.end(), others.begin() + 1, others.end());
  return results;
}

}  // namespace

RecurrentLayer::RecurrentLayer(std::string type, RecurrentForm form, Location where)
    : Layer(std::move(type), recurrent_function(form, where), where),
      form_(std::make_shared<RecurrentForm>(std::move(form))) {
  decides_masks(*this);
}

LSTM::LSTM(int64_t units, RecurrentOptions o, Location where) : RecurrentLayer("LSTM", {lstm, units, std::move(o)}, where) {}
GRU::GRU(int64_t units, RecurrentOptions o, Location where) : RecurrentLayer("GRU", {gru, units, std::move(o)}, where) {}
SimpleRNN::SimpleRNN(int64_t units, RecurrentOptions o, Location where)
    : RecurrentLayer("SimpleRNN", {simple_rnn, units, std::move(o)}, where) {}

Bidirectional::Bidirectional(const RecurrentLayer& layer, Merge merge, Location where)
    : Layer("Bidirectional", ManyFunction([form = layer.form(), merge, where](LayerScope& scope, const Tensors& x) {
              return in_both_directions(scope, x, form, merge, where);
            }),
            where) {
  decides_masks(*this);
}

}  // namespace cnnc::dsl

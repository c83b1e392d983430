// Layers over sequences [batch, steps, features].
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "frontend/dsl/initializers.h"
#include "frontend/dsl/layer_parts.h"
#include "frontend/dsl/random_parts.h"

namespace cnnc::dsl {

Embedding::Embedding(int64_t vocabulary, int64_t units, EmbeddingOptions o, Location where)
    : Layer(
          "Embedding",
          [=](LayerScope& scope, const Tensors& x) {
            require(is_int(one(x).definition()->type.dtype), "takes indices, was given ", x[0].type(),
                    "; make the input with InputType::i32");
            const Tensor table = scope.weight("embeddings", {vocabulary, units}, o.initializer, o.regularizer);
            return record("Gather", {table, x[0]}, {{"axis", int64_t{0}}}, where);
          },
          where) {}

// ---- recurrence ------------------------------------------------------------------------------------------------------
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

struct RecurrentLayer {
  std::string op;  // LSTM or GRU
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

struct RecurrentWeights {
  Tensor kernel, recurrent;
  std::optional<Tensor> bias, recurrent_bias;
};

// Both biases with the gates in the operator's order, the input's first; a missing one is zeros.
Tensor joined_biases(const RecurrentLayer& layer, const RecurrentWeights& w, int64_t units, const Location& where) {
  const Tensor bias = with_gates(*w.bias, layer.order, units, where);
  const Tensor recurrent = w.recurrent_bias ? with_gates(*w.recurrent_bias, layer.order, units, where)
                                            : constant_tensor(cnnc::Tensor(DType::f32, {w.bias->shape()[0]}));
  const Tensor both = record("Concat", {bias, recurrent}, {{"axis", int64_t{0}}}, where);
  return record("Unsqueeze", {both, integers({0})}, {}, where);
}

Tensor recur(const RecurrentLayer& layer, const Tensor& x, const RecurrentWeights& w, int64_t units,
             const RecurrentOptions& o, const Location& where) {
  Attributes attributes = layer.attributes;
  attributes["hidden_size"] = units;
  set_activations(attributes, layer.activations);
  const auto weights = [&](const Tensor& weight) {
    return for_one_direction(with_gates(weight, layer.order, units, where), where);
  };
  // Steps first: not every runtime that reads our files has the operator's other layout.
  const auto swapped = [&](const Tensor& t) { return record("Transpose", {t}, {{"perm", Ints{1, 0, 2}}}, where); };
  const Tensor steps = swapped(o.go_backwards ? reversed_steps(x, where) : x);
  Tensors operands{steps, weights(w.kernel), weights(w.recurrent)};
  if (w.bias) operands.push_back(joined_biases(layer, w, units, where));
  const Tensor all = record(layer.op, operands, attributes, where);
  const Tensor states = record("Squeeze", {all, integers({1})}, {}, where);  // the axis of directions
  if (o.return_sequences) return swapped(states);
  return record("Gather", {states, constant_tensor(cnnc::Tensor::scalar(DType::i64, -1))}, {{"axis", int64_t{0}}},
                where);
}

RecurrentWeights kernels(LayerScope& scope, const Tensor& x, int64_t units, int64_t gates, const RecurrentOptions& o) {
  require(units > 0, "units is ", units, ", need a positive number");
  return {scope.weight("kernel", {known_size(x, 2), gates * units}, o.kernel_initializer, o.kernel_regularizer),
          scope.weight("recurrent_kernel", {units, gates * units}, o.recurrent_initializer, o.recurrent_regularizer),
          {}, {}};
}

Tensor lstm(LayerScope& scope, const Tensor& x, int64_t units, const RecurrentOptions& o, const Location& where) {
  RecurrentWeights weights = kernels(scope, x, units, 4, o);
  if (o.use_bias) {
    const bool is_new = !scope.has("bias");
    weights.bias = scope.weight("bias", {4 * units}, o.bias_initializer, o.bias_regularizer);
    if (is_new && o.unit_forget_bias)
      std::fill_n(weights.bias->definition()->variable->value.mutable_data<float>() + units, units, 1.0f);
  }
  // Gates i, f, g, o here and i, o, f, g there.
  return recur({"LSTM", {0, 3, 1, 2}, {o.recurrent_activation, o.activation, o.activation}, {}}, x, weights, units, o, where);
}

Tensor gru(LayerScope& scope, const Tensor& x, int64_t units, const RecurrentOptions& o, const Location& where) {
  RecurrentWeights weights = kernels(scope, x, units, 3, o);
  if (o.use_bias) weights.bias = scope.weight("bias", {3 * units}, o.bias_initializer, o.bias_regularizer);
  if (o.use_bias && o.reset_after)
    weights.recurrent_bias = scope.weight("recurrent_bias", {3 * units}, o.bias_initializer, o.bias_regularizer);
  return recur({"GRU", {0, 1, 2}, {o.recurrent_activation, o.activation}, {{"linear_before_reset", int64_t{o.reset_after}}}},
               x, weights, units, o, where);
}

using Recurrence = Tensor (*)(LayerScope&, const Tensor&, int64_t, const RecurrentOptions&, const Location&);

Layer::Function recurrent_function(Recurrence recurrence, int64_t units, RecurrentOptions o, Location where) {
  return [=](LayerScope& scope, const Tensors& x) {
    const Tensor& steps = one_of_rank(x, 3, "[batch, steps, features]");
    return recurrence(scope, dropped_along(steps, {1}, o.dropout, where), units, o, where);
  };
}

}  // namespace

LSTM::LSTM(int64_t units, RecurrentOptions o, Location where)
    : Layer("LSTM", recurrent_function(lstm, units, std::move(o), where), where) {}
GRU::GRU(int64_t units, RecurrentOptions o, Location where)
    : Layer("GRU", recurrent_function(gru, units, std::move(o), where), where) {}

// ---- attention -------------------------------------------------------------------------------------------------------
namespace {
struct Attention {
  LayerScope& scope;
  int64_t heads, units;
  const AttentionOptions& o;
  Location where;

  // x kernel + bias over the last axis.
  Tensor product(const Tensor& x, const std::string& name, int64_t outputs) const {
    const Tensor kernel =
        scope.weight(name + "_kernel", {known_size(x, 2), outputs}, o.kernel_initializer, o.kernel_regularizer);
    const Tensor y = matmul(x, kernel, where);
    return o.use_bias ? y + scope.weight(name + "_bias", {outputs}, o.bias_initializer, o.bias_regularizer) : y;
  }

  // [batch, heads, steps, size]
  Tensor projected(const Tensor& x, const std::string& name, int64_t size) const {
    return transpose(reshape(product(x, name, heads * size), {-1, heads, size}, where), {0, 2, 1, 3}, where);
  }

  // Minus infinity, but for exp's sake finite, where a step would look ahead.
  Tensor causal_mask(int64_t queries, int64_t keys) const {
    cnnc::Tensor mask(DType::f32, {queries, keys});
    for (int64_t q = 0; q < queries; ++q)
      for (int64_t k = q + 1; k < keys; ++k) mask.mutable_data<float>()[q * keys + k] = -1e9f;
    return constant_tensor(std::move(mask));
  }

  Tensor attend(const Tensor& query, const Tensor& value, const Tensor& key) const {
    const int64_t value_units = o.value_units > 0 ? o.value_units : units;
    const Tensor q = projected(query, "query", units) * (1 / std::sqrt(static_cast<double>(units)));
    const Tensor k = transpose(projected(key, "key", units), {0, 1, 3, 2}, where);
    const Tensor v = projected(value, "value", value_units);
    Tensor scores = matmul(q, k, where);
    if (o.causal) scores = scores + causal_mask(known_size(query, 1), known_size(key, 1));
    Tensor weights = softmax(scores);
    if (o.dropout > 0) weights = dropout(weights, require_rate(o.dropout), where);
    const Tensor mixed = transpose(matmul(weights, v, where), {0, 2, 1, 3}, where);
    return product(reshape(mixed, {-1, heads * value_units}, where), "output",
                   o.output_units > 0 ? o.output_units : known_size(query, 2));
  }
};
}  // namespace

MultiHeadAttention::MultiHeadAttention(int64_t heads, int64_t key_units, AttentionOptions o, Location where)
    : Layer(
          "MultiHeadAttention",
          [=](LayerScope& scope, const Tensors& x) {
            require(!x.empty() && x.size() <= 3, "takes query, value and key, was given ", x.size(), " tensors");
            require(heads > 0 && key_units > 0, "has ", heads, " heads of ", key_units, ", need positive numbers");
            require(o.value_units >= 0 && o.output_units >= 0, "has values of ", o.value_units, " and outputs of ",
                    o.output_units, ", need 0 or more");
            for (const Tensor& t : x) one_of_rank({t}, 3, "[batch, steps, features]");
            const Tensor& value = x.size() > 1 ? x[1] : x[0];
            return Attention{scope, heads, key_units, o, where}.attend(x[0], value, x.size() > 2 ? x[2] : value);
          },
          where) {}

}  // namespace cnnc::dsl

// Layers over sequences [batch, steps, features].
#include <algorithm>
#include <cmath>

#include "frontend/dsl/layer_parts.h"

namespace cnnc::dsl {

Embedding::Embedding(int64_t vocabulary, int64_t units, Location where)
    : Layer(
          "Embedding",
          [=](LayerScope& scope, const Tensors& x) {
            require(is_int(one(x).definition()->type.dtype), "takes indices, was given ", x[0].type(),
                    "; make the input with InputType::i32");
            const Tensor table = scope.weight("embeddings", {vocabulary, units}, random_uniform(0.05));
            return record("Gather", {table, x[0]}, {{"axis", int64_t{0}}}, where);
          },
          where) {}

// ---- recurrence ------------------------------------------------------------------------------------------------------
namespace {
// Step t of a [batch, steps, features] tensor, as [batch, features].
Tensor step(const Tensor& x, int64_t t, const Location& where) {
  return record("Squeeze", {slice(x, 1, t, t + 1, where), integers({1})}, {}, where);
}

// Columns [k * units, (k + 1) * units) of a row of gates.
Tensor gate(const Tensor& gates, int64_t k, int64_t units, const Location& where) {
  return slice(gates, 1, k * units, (k + 1) * units, where);
}

// Runs `next(projected input of the step, state)` over the steps; the first element of the state is the output.
template <typename Next>
Tensor over_steps(const Tensor& projected, int64_t steps, Tensors state, const RecurrentOptions& o,
                  const Location& where, const Next& next) {
  Tensors outputs;
  for (int64_t i = 0; i < steps; ++i) {
    state = next(step(projected, o.go_backwards ? steps - 1 - i : i, where), state);
    if (o.return_sequences) outputs.push_back(record("Unsqueeze", {state[0], integers({1})}, {}, where));
  }
  if (!o.return_sequences) return state[0];
  return outputs.size() == 1 ? outputs[0] : concatenate(outputs, 1, where);
}

// Zeros [batch, units]: a projected step times 0, so that the batch is the data's.
Tensor zero_state(const Tensor& projected, int64_t units, const Location& where) {
  const Tensor first = gate(step(projected, 0, where), 0, units, where);
  return first - first;
}
}  // namespace

static Tensor lstm(LayerScope& scope, const Tensor& x, int64_t units, const RecurrentOptions& o,
                   const Location& where) {
  const int64_t steps = known_size(x, 1), features = known_size(x, 2);
  const Tensor kernel = scope.weight("kernel", {features, 4 * units});
  const Tensor recurrent = scope.weight("recurrent_kernel", {units, 4 * units}, orthogonal_of());
  Array bias = Array::zeros<float>({4 * units});
  std::fill_n(bias.mutable_data<float>() + units, units, 1.0f);  // the forget gate's
  const Tensor projected = matmul(x, kernel, where) + scope.weight("bias", bias);
  const Tensor zero = zero_state(projected, units, where);
  return over_steps(projected, steps, {zero, zero}, o, where, [&](const Tensor& input, const Tensors& state) {
    const Tensor gates = input + matmul(state[0], recurrent, where);
    const Tensor i = sigmoid(gate(gates, 0, units, where)), f = sigmoid(gate(gates, 1, units, where));
    const Tensor c = f * state[1] + i * tanh(gate(gates, 2, units, where));
    return Tensors{sigmoid(gate(gates, 3, units, where)) * tanh(c), c};
  });
}

static Tensor gru(LayerScope& scope, const Tensor& x, int64_t units, const RecurrentOptions& o,
                  const Location& where) {
  const int64_t steps = known_size(x, 1), features = known_size(x, 2);
  const Tensor kernel = scope.weight("kernel", {features, 3 * units});
  const Tensor recurrent = scope.weight("recurrent_kernel", {units, 3 * units}, orthogonal_of());
  const Tensor projected = matmul(x, kernel, where) + scope.weight("bias", {3 * units}, zeros);
  const Tensor recurrent_bias = scope.weight("recurrent_bias", {3 * units}, zeros);
  const Tensor zero = zero_state(projected, units, where);
  return over_steps(projected, steps, {zero}, o, where, [&](const Tensor& input, const Tensors& state) {
    const Tensor past = matmul(state[0], recurrent, where) + recurrent_bias;
    const auto both = [&](int64_t k) { return gate(input, k, units, where) + gate(past, k, units, where); };
    const Tensor z = sigmoid(both(0)), r = sigmoid(both(1));
    const Tensor h = tanh(gate(input, 2, units, where) + r * gate(past, 2, units, where));
    return Tensors{z * state[0] + (1.0 - z) * h};
  });
}

LSTM::LSTM(int64_t units, RecurrentOptions o, Location where)
    : Layer(
          "LSTM",
          [=](LayerScope& scope, const Tensors& x) {
            return lstm(scope, one_of_rank(x, 3, "[batch, steps, features]"), units, o, where);
          },
          where) {}

GRU::GRU(int64_t units, RecurrentOptions o, Location where)
    : Layer(
          "GRU",
          [=](LayerScope& scope, const Tensors& x) {
            return gru(scope, one_of_rank(x, 3, "[batch, steps, features]"), units, o, where);
          },
          where) {}

// ---- attention -------------------------------------------------------------------------------------------------------
namespace {
struct Attention {
  LayerScope& scope;
  int64_t heads, units;
  Location where;

  // x kernel + bias as [batch, heads, steps, units].
  Tensor projected(const Tensor& x, const std::string& name) const {
    const Tensor kernel = scope.weight(name + "_kernel", {known_size(x, 2), heads * units});
    const Tensor y = matmul(x, kernel, where) + scope.weight(name + "_bias", {heads * units}, zeros);
    return transpose(reshape(y, {known_size(x, 1), heads, units}, where), {0, 2, 1, 3}, where);
  }

  Tensor attend(const Tensor& query, const Tensor& value, const Tensor& key) const {
    const Tensor q = projected(query, "query") * (1 / std::sqrt(static_cast<double>(units)));
    const Tensor k = transpose(projected(key, "key"), {0, 1, 3, 2}, where);
    const Tensor mixed = matmul(softmax(matmul(q, k, where)), projected(value, "value"), where);
    const Tensor joined =
        reshape(transpose(mixed, {0, 2, 1, 3}, where), {known_size(query, 1), heads * units}, where);
    const int64_t features = known_size(query, 2);
    return matmul(joined, scope.weight("output_kernel", {heads * units, features}), where) +
           scope.weight("output_bias", {features}, zeros);
  }
};
}  // namespace

MultiHeadAttention::MultiHeadAttention(int64_t heads, int64_t key_units, Location where)
    : Layer(
          "MultiHeadAttention",
          [=](LayerScope& scope, const Tensors& x) {
            require(!x.empty() && x.size() <= 3, "takes query, value and key, was given ", x.size(), " tensors");
            require(heads > 0 && key_units > 0, "has ", heads, " heads of ", key_units, ", need positive numbers");
            for (const Tensor& t : x) one_of_rank({t}, 3, "[batch, steps, features]");
            const Tensor& value = x.size() > 1 ? x[1] : x[0];
            return Attention{scope, heads, key_units, where}.attend(x[0], value, x.size() > 2 ? x[2] : value);
          },
          where) {}

}  // namespace cnnc::dsl

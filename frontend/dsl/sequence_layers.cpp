// Layers over sequences [batch, steps, features].
#include <algorithm>
#include <cmath>
#include <limits>

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
  std::vector<int64_t> order;
  Attributes attributes;
};

// `bias` holds the gates of both biases, the input's first.
Tensor recur(const RecurrentLayer& layer, const Tensor& x, const Tensor& kernel, const Tensor& recurrent,
             const Tensor& bias, int64_t units, const RecurrentOptions& o, const Location& where) {
  Attributes attributes = layer.attributes;
  attributes["hidden_size"] = units;
  const auto weights = [&](const Tensor& w) {
    return for_one_direction(with_gates(w, layer.order, units, where), where);
  };
  const Tensor b = record("Unsqueeze", {bias, integers({0})}, {}, where);
  // Steps first: not every runtime that reads our files has the operator's other layout.
  const auto swapped = [&](const Tensor& t) { return record("Transpose", {t}, {{"perm", Ints{1, 0, 2}}}, where); };
  const Tensor steps = swapped(o.go_backwards ? reversed_steps(x, where) : x);
  const Tensor all = record(layer.op, {steps, weights(kernel), weights(recurrent), b}, attributes, where);
  const Tensor states = record("Squeeze", {all, integers({1})}, {}, where);  // the axis of directions
  if (o.return_sequences) return swapped(states);
  return record("Gather", {states, constant_tensor(cnnc::Tensor::scalar(DType::i64, -1))}, {{"axis", int64_t{0}}},
                where);
}

}  // namespace

static Tensor lstm(LayerScope& scope, const Tensor& x, int64_t units, const RecurrentOptions& o,
                   const Location& where) {
  const Tensor kernel = scope.weight("kernel", {known_size(x, 2), 4 * units});
  const Tensor recurrent = scope.weight("recurrent_kernel", {units, 4 * units}, orthogonal_of());
  Array bias = Array::zeros<float>({4 * units});
  std::fill_n(bias.mutable_data<float>() + units, units, 1.0f);  // the forget gate's
  // Gates i, f, g, o here and i, o, f, g there.
  const RecurrentLayer layer{"LSTM", {0, 3, 1, 2}, {}};
  const Tensor b = with_gates(scope.weight("bias", bias), layer.order, units, where);
  const Tensor no_recurrent_bias = constant_tensor(cnnc::Tensor(DType::f32, {4 * units}));
  const Tensor both = record("Concat", {b, no_recurrent_bias}, {{"axis", int64_t{0}}}, where);
  return recur(layer, x, kernel, recurrent, both, units, o, where);
}

static Tensor gru(LayerScope& scope, const Tensor& x, int64_t units, const RecurrentOptions& o,
                  const Location& where) {
  const Tensor kernel = scope.weight("kernel", {known_size(x, 2), 3 * units});
  const Tensor recurrent = scope.weight("recurrent_kernel", {units, 3 * units}, orthogonal_of());
  const Tensor bias = scope.weight("bias", {3 * units}, zeros);
  const Tensor recurrent_bias = scope.weight("recurrent_bias", {3 * units}, zeros);
  const Tensor both = record("Concat", {bias, recurrent_bias}, {{"axis", int64_t{0}}}, where);
  return recur({"GRU", {0, 1, 2}, {{"linear_before_reset", int64_t{1}}}}, x, kernel, recurrent, both, units, o, where);
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

// Embedding and attention: [batch, steps, features].
#include <cmath>

#include "frontend/dsl/layer_parts.h"

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

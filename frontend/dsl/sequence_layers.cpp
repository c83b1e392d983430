// Embedding and attention: [batch, steps, features].
#include <cmath>
#include <limits>

#include "frontend/dsl/masks.h"

namespace cnnc::dsl {

Embedding::Embedding(int64_t vocabulary, int64_t units, EmbeddingOptions o, Location where)
    : Layer(
          "Embedding",
          [=](LayerScope& scope, const Tensors& x) {
            require(is_int(one(x).definition()->type.dtype), "takes indices, was given ", x[0].type(),
                    "; make the input with InputType::i32");
            const Tensor table = scope.weight("embeddings", {vocabulary, units}, o.initializer, o.regularizer);
            const Tensor rows = record("Gather", {table, x[0]}, {{"axis", int64_t{0}}}, where);
            return o.mask_zero ? masked(rows, not_equal(x[0], 0, where)) : rows;
          },
          where) {
  decides_masks(*this);
}

// Whether any feature of a step differs from the value: bool [batch, steps, 1].
static Tensor has_other_features(const Tensor& x, double value, const Location& where) {
  const Tensor differs = record("Cast", {not_equal(x, value, where)}, {{"to", DType::f32}}, where);
  return not_equal(max(differs, {-1}, true, where), 0, where);
}

Masking::Masking(double value, Location where)
    : Layer(
          "Masking",
          [=](LayerScope&, const Tensors& x) {
            const Tensor& steps = one_of_rank(x, 3, "[batch, steps, features]");
            const Tensor mask = has_other_features(steps, value, where);
            const Tensor zero = constant_tensor(cnnc::Tensor::scalar(DType::f32, 0));
            return masked(record("Where", {mask, steps, zero}, {}, where),
                          record("Squeeze", {mask, integers({2})}, {}, where));
          },
          where) {
  decides_masks(*this);
}

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

  Tensor causal_steps(int64_t queries, int64_t keys) const {
    cnnc::Tensor allowed(DType::boolean, {queries, keys});
    for (int64_t q = 0; q < queries; ++q)
      for (int64_t k = 0; k < keys; ++k) allowed.mutable_data<bool>()[q * keys + k] = k <= q;
    return constant_tensor(std::move(allowed));
  }

  // Which keys each query may look at, bool [batch, 1, queries, keys] or what broadcasts to it; nothing: all.
  std::optional<Tensor> allowed(const Tensor& query, const Tensor& value, const Tensor& key) const {
    std::optional<Tensor> all;
    const auto also = [&](const Tensor& part) { all = all ? record("And", {*all, part}, {}, where) : part; };
    const auto also_mask = [&](const Tensor& x, const Ints& axes) {
      mask_along(x, 1, where);  // it fits
      also(record("Unsqueeze", {*x.mask(), integers(axes)}, {}, where));
    };
    if (query.mask()) also_mask(query, {1, 3});
    if (value.mask()) also_mask(value, {1, 2});
    if (key.mask() && key.definition() != value.definition()) also_mask(key, {1, 2});
    if (o.causal) also(causal_steps(known_size(query, 1), known_size(key, 1)));
    return all;
  }

  // Scores where a query may look, and the least of numbers elsewhere.
  Tensor limited(const Tensor& scores, const std::optional<Tensor>& allowed) const {
    if (!allowed) return scores;
    const double least = -0.7 * std::numeric_limits<float>::max();
    return record("Where", {*allowed, scores, constant_tensor(cnnc::Tensor::scalar(DType::f32, least))}, {}, where);
  }

  Tensor attend(const Tensor& query, const Tensor& value, const Tensor& key) const {
    const int64_t value_units = o.value_units > 0 ? o.value_units : units;
    const Tensor q = projected(query, "query", units) * (1 / std::sqrt(static_cast<double>(units)));
    const Tensor k = transpose(projected(key, "key", units), {0, 1, 3, 2}, where);
    const Tensor v = projected(value, "value", value_units);
    Tensor weights = softmax(limited(matmul(q, k, where), allowed(query, value, key)));
    if (o.dropout > 0) weights = dropout(weights, require_rate(o.dropout), where);
    const Tensor mixed = transpose(matmul(weights, v, where), {0, 2, 1, 3}, where);
    return masked(product(reshape(mixed, {-1, heads * value_units}, where), "output",
                          o.output_units > 0 ? o.output_units : known_size(query, 2)),
                  query.mask());
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
          where) {
  decides_masks(*this);
}

}  // namespace cnnc::dsl

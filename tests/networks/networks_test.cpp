// Small networks of the kinds that there are, on all engines: one answer.
#include <gtest/gtest.h>

#include <functional>

#include "ir/error.h"
#include "tests/support/compiler/engines.h"
#include "tests/support/network_builder.h"
#include "tests/support/network_difference.h"
#include "tests/support/random_inputs.h"

namespace cnnc {
namespace {

Value* residual(NetworkBuilder& b, Value* x) {
  Value* stem = b.pool("MaxPool", b.conv_norm_relu(x, 16, {.kernel = 3, .padding = 1}), 3, 2, 1);
  Value* same = b.conv_norm_relu(stem, 16, {.kernel = 3, .padding = 1});
  same = b.batch_norm(b.conv(same, 16, {.kernel = 3, .padding = 1}));
  Value* joined = b.make("Relu", {b.make("Add", {same, stem})});
  Value* half = b.conv_norm_relu(joined, 24, {.kernel = 3, .stride = 2, .padding = 1});
  half = b.batch_norm(b.conv(half, 24, {.kernel = 3, .padding = 1}));
  Value* shortcut = b.batch_norm(b.conv(joined, 24, {.stride = 2}));
  Value* features = b.make("Relu", {b.make("Add", {half, shortcut})});
  return b.dense(b.make("Flatten", {b.make("GlobalAveragePool", {features})}), 10);
}

Value* inception(NetworkBuilder& b, Value* x) {
  Value* stem = b.conv_norm_relu(x, 8, {.kernel = 3, .padding = 1});
  Value* one = b.conv_norm_relu(stem, 6, {});
  Value* three = b.conv_norm_relu(b.conv_norm_relu(stem, 4, {}), 10, {.kernel = 3, .padding = 1});
  Value* five = b.conv_norm_relu(b.conv_norm_relu(stem, 3, {}), 5, {.kernel = 5, .padding = 2});
  Value* pooled = b.conv_norm_relu(b.pool("MaxPool", stem, 3, 1, 1), 7, {});
  Value* all = b.make("Concat", {one, three, five, pooled}, {{"axis", 1}});
  Value* smaller = b.pool("AveragePool", all, 2, 2);
  Value* dense = b.make("Concat", {smaller, b.conv_norm_relu(smaller, 12, {.kernel = 3, .padding = 1})},
                        {{"axis", 1}});
  return b.make("Softmax", {b.dense(b.make("Flatten", {dense}), 5)});
}

Value* squeeze_and_excite(NetworkBuilder& b, Value* x) {
  const int64_t channels = x->dim(1).value();
  Value* mean = b.make("GlobalAveragePool", {x});
  Value* inner = b.make("Relu", {b.conv(mean, channels / 4, {.bias = true})});
  return b.make("Mul", {x, b.make("HardSigmoid", {b.conv(inner, channels, {.bias = true})})});
}

Value* separable(NetworkBuilder& b, Value* x) {
  Value* stem = b.make("HardSwish", {b.batch_norm(b.conv(x, 16, {.kernel = 3, .stride = 2, .padding = 1}))});
  Value* wide = b.make("HardSwish", {b.batch_norm(b.conv(stem, 48, {}))});
  Value* deep = b.batch_norm(b.conv(wide, 48, {.kernel = 5, .padding = 2, .group = 48}));
  deep = b.make("HardSwish", {squeeze_and_excite(b, deep)});
  Value* block = b.make("Add", {b.batch_norm(b.conv(deep, 16, {})), stem});
  Value* strided = b.conv_norm_relu(block, 16, {.kernel = 3, .stride = 2, .padding = 1, .group = 16});
  Value* clipped = b.make("Clip", {strided, b.weights({}, 0, 0), b.weights({}, 6, 6)});
  Value* grouped = b.conv(clipped, 32, {.kernel = 3, .padding = 1, .group = 4, .bias = true});
  return b.make("ReduceMean", {grouped, b.ints({2, 3})}, {{"keepdims", 0}});
}

// [N, T, D] to heads [N, H, T, D / H].
Value* heads(NetworkBuilder& b, Value* x, int64_t count) {
  const int64_t size = x->dim(2).value() / count;
  return b.make("Transpose", {b.make("Reshape", {x, b.ints({0, 0, count, size})})},
                {{"perm", Ints{0, 2, 1, 3}}});
}

Value* attention(NetworkBuilder& b, Value* x) {
  const int64_t size = x->dim(2).value(), count = 4;
  Value* q = heads(b, b.dense(x, size), count);
  Value* k = b.make("Transpose", {heads(b, b.dense(x, size), count)}, {{"perm", Ints{0, 1, 3, 2}}});
  Value* v = heads(b, b.dense(x, size), count);
  Value* scores = b.make("Mul", {b.make("MatMul", {q, k}), b.weights({}, 0.35, 0.36)});
  Value* mixed = b.make("MatMul", {b.make("Softmax", {scores}), v});
  mixed = b.make("Transpose", {mixed}, {{"perm", Ints{0, 2, 1, 3}}});
  return b.dense(b.make("Reshape", {mixed, b.ints({0, 0, size})}), size);
}

// Patches of an image, then an encoder block as vision transformers have it.
Value* transformer(NetworkBuilder& b, Value* x) {
  Value* patches = b.conv(x, 32, {.kernel = 4, .stride = 4, .bias = true});
  Value* tokens = b.make("Transpose", {b.make("Reshape", {patches, b.ints({0, 32, -1})})},
                         {{"perm", Ints{0, 2, 1}}});
  tokens = b.make("Add", {tokens, b.weights({1, tokens->dim(1).value(), 32}, -0.5, 0.5)});
  Value* seen = b.make("Add", {tokens, attention(b, b.layer_norm(tokens))});
  Value* inner = b.make("Gelu", {b.dense(b.layer_norm(seen), 64)});
  Value* block = b.layer_norm(b.make("Add", {seen, b.dense(inner, 32)}));
  return b.dense(b.make("Gather", {block, b.make("Squeeze", {b.ints({0})})}, {{"axis", 1}}), 7);
}

struct Network {
  const char* name;
  std::function<Value*(NetworkBuilder&, Value*)> build;
};

const Network kNetworks[] = {{"Residual", residual},
                             {"Inception", inception},
                             {"Separable", separable},
                             {"Transformer", transformer}};

class Networks : public testing::TestWithParam<Network> {
 protected:
  std::unique_ptr<Graph> graph(const Dim& batch) const {
    auto graph = std::make_unique<Graph>(GetParam().name);
    NetworkBuilder builder(*graph, 1);
    Value* image = graph->add_input({DType::f32, {batch, 3, 16, 20}}, "image");
    graph->add_output(GetParam().build(builder, image), "result");
    verify(*graph);
    return graph;
  }
};

void expect_all_engines_agree(const Graph& graph, const std::vector<Tensor>& inputs) {
  const std::vector<Tensor> expected = interpret(graph, inputs);
  for (const Engine& engine : engines()) {
    const std::vector<Tensor> actual = engine.run(graph, inputs);
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_EQ(network_difference(expected[i], actual[i]), "") << engine.name << ", output " << i;
  }
}

TEST_P(Networks, AllEnginesAgree) {
  for (int64_t batch : {1, 3}) {
    SCOPED_TRACE(cat("batch of ", batch));
    const auto fixed = graph(batch);
    expect_all_engines_agree(*fixed, random_inputs(*fixed, {}, 3));
  }
}

TEST_P(Networks, AllEnginesAgreeOnSymbolicBatches) {
  const auto symbolic = graph(Dim::symbol("batch"));
  for (int64_t batch : {1, 5}) {
    SCOPED_TRACE(cat("batch of ", batch));
    expect_all_engines_agree(*symbolic, random_inputs(*symbolic, {{"batch", batch}}, 3));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Networks, testing::ValuesIn(kNetworks),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace cnnc

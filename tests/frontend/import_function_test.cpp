// Functions of the model, and operators that ONNX itself defines as functions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/error.h"
#include "tests/frontend/onnx_text.h"

namespace cnnc {
namespace {

using ::testing::HasSubstr;

const std::string kHeader = R"(<ir_version: 10, opset_import: ["" : 21, "local" : 1]>)";
const std::string kFunctionHeader = R"(<domain: "local", opset_import: ["" : 21, "local" : 1]>)";

Strings origins_in(const Graph& graph) {
  Strings all;
  for (const auto& node : graph.nodes()) {
    const Strings names = node->origins().names();
    all.insert(all.end(), names.begin(), names.end());
  }
  return all;
}

double run_on(const Graph& graph, float x) {
  return interpret(graph, {Tensor::of(DType::f32, {1}, std::vector<float>{x})})[0].as_double(0);
}

TEST(ImportFunctions, ExpandsCalls) {
  const auto graph = import_model(onnx_model_text(kHeader + R"(
      g (float[1] x) => (float[1] y) {
        [first] a = local.twice(x)
        [second] y = local.twice(a)
      })" + kFunctionHeader + R"(
      twice (v) => (w) { [sum] w = Add(v, v) })"));
  verify(*graph);
  EXPECT_EQ(origins_in(*graph), (Strings{"first/sum", "second/sum"}));
  EXPECT_EQ(graph->outputs()[0]->name(), "y");
  EXPECT_EQ(run_on(*graph, 3), 12);
}

TEST(ImportFunctions, ExpandsCallsInsideFunctionsAndUnsortedBodies) {
  const auto graph = import_model(onnx_model_text(kHeader + R"(
      g (float[1] x) => (float[1] y) { [call] y = local.outer(x) })" +
                                                  kFunctionHeader + R"(
      outer (a) => (b) {
        b = Neg(c)
        [inner] c = local.inner(a)
      })" + kFunctionHeader + R"(
      inner (a) => (b) { [n] b = Add(a, a) })"));
  verify(*graph);
  EXPECT_EQ(origins_in(*graph), (Strings{"call/inner/n", "call/Neg:b"}));
  EXPECT_EQ(run_on(*graph, 3), -6);
}

TEST(ImportFunctions, PassesAttributes) {
  const auto graph = import_model(onnx_model_text(kHeader + R"(
      g (float[1] x) => (float[1] y) { y = local.leaky <slope = 0.5> (x) })" +
                                                  kFunctionHeader + R"(
      leaky <slope> (a) => (b) { b = LeakyRelu <alpha : float = @slope> (a) })"));
  EXPECT_EQ(run_on(*graph, -4), -2);
}

TEST(ImportFunctions, UsesDefaultsOfAttributes) {
  auto model = onnx_model_text(kHeader + R"(
      g (float[1] x) => (float[1] y) { y = local.leaky (x) })" +
                               kFunctionHeader + R"(
      leaky <slope : float = 0.25> (a) => (b) { b = LeakyRelu <alpha : float = @slope> (a) })");
  EXPECT_EQ(run_on(*import_model(model), -4), -1);
  // Without any value the operator's own default holds.
  model.mutable_functions(0)->clear_attribute_proto();
  EXPECT_FLOAT_EQ(run_on(*import_model(model), -4), -0.04f);
}

TEST(ImportFunctions, LeavesOutAbsentOperands) {
  const auto graph = import_model(onnx_model_text(kHeader + R"(
      g (float[1] x) => (float[1] y) { y = local.limit (x) })" +
                                                  kFunctionHeader + R"(
      limit (a, low) => (b) { b = Clip (a, low) })"));
  EXPECT_EQ(run_on(*graph, -4), -4);
}

TEST(ImportFunctions, UsesTheirOwnOpsets) {
  const auto graph = import_model(onnx_model_text(kHeader + R"(
      g (float[2, 3] x) => (float[2] y) { y = local.total (x) }
      <domain: "local", opset_import: ["" : 11]>
      total (a) => (b) { b = ReduceSum <axes = [1], keepdims = 0> (a) })"));
  EXPECT_EQ(graph->outputs()[0]->type().str(), "f32[2]");
}

TEST(ImportFunctions, ReportsRecursion) {
  EXPECT_THAT(import_error(onnx_model_text(kHeader + R"(
      g (float[1] x) => (float[1] y) { [call] y = local.a (x) })" +
                                           kFunctionHeader + R"(
      a (v) => (w) { w = local.b (v) })" + kFunctionHeader +
                                           R"(
      b (v) => (w) { w = local.a (v) })")),
              HasSubstr("function 'a' calls itself"));
}

TEST(ImportFunctions, LimitsNodesOfFunctionBombs) {
  std::string text = kHeader + "g (float[1] x) => (float[1] y) { y = local.f0 (x) }";
  for (int i = 0; i < 40; ++i)
    text += kFunctionHeader + "f" + std::to_string(i) + " (v) => (w) { a = local.f" +
            std::to_string(i + 1) + " (v) w = local.f" + std::to_string(i + 1) + " (a) }";
  text += kFunctionHeader + "f40 (v) => (w) { w = Relu (v) }";
  ImportOptions options;
  options.limits.function_nodes = 10000;
  EXPECT_THAT(import_error(onnx_model_text(text), options),
              HasSubstr("its functions expand to more than 10000 nodes"));
}

TEST(ImportFunctions, ChecksCalls) {
  const std::string function = kFunctionHeader + "f (v) => (w) { w = Relu (v) }";
  EXPECT_THAT(import_error(onnx_model_text(
                  kHeader + "g (float[1] x) => (float[1] y) { y = local.f (x, x) }" + function)),
              HasSubstr("has 2 inputs and 1 outputs, the function has 1 and 1"));
  EXPECT_THAT(
      import_error(onnx_model_text(kHeader + "g (float[1] x) => (float[1] y) { y = local.f (x) }" +
                                   function + function)),
      HasSubstr("function 'local:f' is defined twice"));
  EXPECT_THAT(
      import_error(onnx_model_text(kHeader + "g (float[1] x) => (float[1] y) { y = local.f (x) }" +
                                   kFunctionHeader + "f (v) => (u) { w = Relu (v) }")),
      HasSubstr("nothing in the function defines its output 'u'"));
}

// They need no declaration of ours.
TEST(ImportFunctions, ExpandsOperatorsThatOnnxDefinesByOthers) {
  const auto graph = import_model(onnx_model(R"(
      g (float[N, 3] scores, int64[N] labels) => (float loss) { [sce] loss = SoftmaxCrossEntropyLoss (scores, labels) })"));
  verify(*graph);
  EXPECT_EQ(graph->outputs()[0]->type().str(), "f32[]");
  const auto loss =
      interpret(*graph, {Tensor::of(DType::f32, {2, 3}, std::vector<float>{1, 2, 3, 0, 0, 0}),
                         Tensor::of(DType::i64, {2}, std::vector<int64_t>{2, 0})});
  EXPECT_NEAR(loss[0].as_double(0), (0.40760596 + 1.09861229) / 2, 1e-6);
  for (const std::string& origin : origins_in(*graph)) EXPECT_EQ(origin, "sce");
}

}  // namespace
}  // namespace cnnc

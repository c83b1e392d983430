// Import of graphs: names, order, opsets, regions, what is not supported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/error.h"
#include "tests/frontend/onnx_text.h"

namespace cnnc {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Strings origins_in(const Graph& graph) {
  Strings all;
  for (const auto& node : graph.nodes()) {
    const Strings names = node->is("Constant") ? Strings() : node->origins().names();
    all.insert(all.end(), names.begin(), names.end());
  }
  return all;
}

TEST(ImportGraph, KeepsNamesAndOrder) {
  const auto graph = import_model(onnx_model(R"(
      g (float[2] a, float[2] b) => (float[2] second, float[2] first) {
        [relu] first = Relu(a)
        second = Add(first, b)
      })"));
  verify(*graph);
  EXPECT_EQ(graph->name(), "g");
  EXPECT_EQ(graph->inputs()[0]->name(), "a");
  EXPECT_EQ(graph->inputs()[1]->name(), "b");
  EXPECT_EQ(graph->output_names(), (Strings{"second", "first"}));
  EXPECT_EQ(graph->outputs()[1]->name(), "first");
  EXPECT_EQ(origins_in(*graph), (Strings{"relu", "Add:second"}));
}

TEST(ImportGraph, SortsNodes) {
  const auto graph = import_model(onnx_model(R"(
      g (float[2] x) => (float[2] y) {
        y = Relu(c)
        c = Neg(b)
        b = Abs(x)
      })"));
  verify(*graph);
  EXPECT_EQ(origins_in(*graph), (Strings{"Abs:b", "Neg:c", "Relu:y"}));
}

TEST(ImportGraph, ReportsCycleWithANodeOnIt) {
  const std::string error = import_error(onnx_model(R"(
      g (float[2] x) => (float[2] y) {
        [behind] y = Relu(b)
        [one] b = Add(c, x)
        [two] c = Neg(b)
      })"));
  EXPECT_THAT(error, HasSubstr("is on a cycle"));
  EXPECT_THAT(error, Not(HasSubstr("'behind'")));
}

TEST(ImportGraph, ReportsUndefinedNames) {
  EXPECT_EQ(import_error(onnx_model("g (float[2] x) => (float[2] y) { [n] y = Add(x, z) }")),
            "test.onnx: node 'n' (Add): nothing defines 'z' in graph 'g'");
  EXPECT_EQ(import_error(onnx_model("g (float[2] x) => (float[2] z) { [n] y = Relu(x) }")),
            "test.onnx: nothing defines 'z' in graph 'g'");
}

TEST(ImportGraph, ReportsNamesDefinedTwice) {
  EXPECT_THAT(
      import_error(onnx_model("g (float[2] x) => (float[2] y) { [a] y = Relu(x) [b] y = Neg(x) }")),
      HasSubstr("node 'b' (Neg): its output 'y' is already defined by node 'a' (Relu)"));
  EXPECT_THAT(import_error(onnx_model("g (float[2] x) => (float[2] x) { [a] x = Relu(x) }")),
              HasSubstr("node 'a'"));
  EXPECT_THAT(import_error(onnx_model("g (float[2] x) => (float[2] x) { [a] x = Relu(z) }")),
              HasSubstr("'x' is already"));
  EXPECT_THAT(
      import_error(onnx_model("g (float[2] x, float[2] x) => (float[2] y) { y = Relu(x) }")),
      HasSubstr("'x' is defined twice"));
}

TEST(ImportGraph, AcceptsInputsAndInitializersAsOutputs) {
  auto model = onnx_model(
      "g (float[2] x) => (float[2] x, float[1] w) <float[1] w = {3}> { unused = Relu(x) }");
  const auto graph = import_model(model);
  verify(*graph);
  EXPECT_EQ(graph->outputs()[0], graph->inputs()[0].get());
  ASSERT_NE(graph->outputs()[1]->constant(), nullptr);
  EXPECT_EQ(graph->outputs()[1]->constant()->as_double(0), 3);
}

TEST(ImportGraph, DropsUnusedInitializersAndMakesInputsWithInitializersConstant) {
  const auto graph = import_model(onnx_model(R"(
      g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}, float[3] unused = {1, 2, 3}> { y = Add(x, w) })"));
  EXPECT_EQ(graph->inputs().size(), 1u);
  EXPECT_EQ(graph->nodes().size(), 2u);
}

TEST(ImportGraph, RefusesGraphWithoutOutputs) {
  auto model = onnx_model("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  model.mutable_graph()->clear_output();
  EXPECT_EQ(import_error(model), "test.onnx: the graph has no outputs");
}

TEST(ImportGraph, NamesNodeInFaultsOfTypes) {
  EXPECT_THAT(import_error(
                  onnx_model("g (float[2] x, float[3] z) => (float[2] y) { [bad] y = Add(x, z) }")),
              HasSubstr("test.onnx: node 'bad' (Add): "));
}

TEST(ImportGraph, ReportsAllThatIsNotSupportedAtOnce) {
  const std::string error = import_error(onnx_model_text(R"(
      <ir_version: 10, opset_import: ["" : 21, "com.acme" : 1]>
      g (float[2] x) => (float[2] y) {
        [a1] a = com.acme.Wobble(x)
        [a2] b = com.acme.Wobble(a)
        [a3] c = com.acme.Wobble(b)
        [a4] d = com.acme.Wobble(c)
        [n] e = Nonsense(x)
        [fine] f = Relu(e)
        [shape] h = Add(x, i)
        [later] j = Swish(x)
        y = Add(f, h)
      })"));
  EXPECT_THAT(error, HasSubstr("cannot be imported, for 4 reasons:"));
  EXPECT_THAT(error, HasSubstr("operator com.acme:Wobble is not part of ONNX; export the model "
                               "with standard operators only "
                               "(4 nodes: 'a1', 'a2', 'a3', ...)"));
  EXPECT_THAT(error, HasSubstr("operator Nonsense does not exist in ONNX (1 node: 'n')"));
  EXPECT_THAT(error, HasSubstr("node 'shape' (Add): nothing defines 'i'"));
  EXPECT_THAT(error, HasSubstr("Swish does not exist in opset 21, only in opset 24"));
  EXPECT_THAT(error, Not(HasSubstr("'fine'")));
}

TEST(ImportGraph, FindsWhatIsNotSupportedInsideRegions) {
  const std::string error = import_error(onnx_model(R"(
      g (float[2] x, bool c) => (float[2] y) {
        [outer] y = Mystery (c) <then_branch = t () => (float[2] a) { [inner] a = Enigma(x) }>
      })"));
  EXPECT_THAT(error, HasSubstr("Mystery"));
  EXPECT_THAT(error, HasSubstr("Enigma does not exist in ONNX (1 node: 'inner')"));
}

TEST(ImportGraph, ChecksOpsets) {
  const std::string graph = "g (float[2] x) => (float[2] y) { y = Relu(x) }";
  EXPECT_EQ(import_error(onnx_model(graph, 1000)),
            "test.onnx: imports opset 1000 of domain 'ai.onnx', the newest known is 28; export the "
            "model with an older opset");
  EXPECT_THAT(import_error(onnx_model(graph, 0)), HasSubstr("imports opset 0"));
  auto model = onnx_model(graph);
  model.add_opset_import()->set_version(20);
  EXPECT_THAT(import_error(model),
              HasSubstr("imports two versions of domain 'ai.onnx', 21 and 20"));
  model.clear_opset_import();
  EXPECT_THAT(import_error(model), HasSubstr("does not say which opset"));
  model.set_ir_version(2);
  EXPECT_EQ(import_error(model), "imported");
  model.set_ir_version(10);
  model.add_opset_import()->set_domain("com.acme");
  model.mutable_opset_import(0)->set_version(1);
  EXPECT_THAT(
      import_error(model),
      HasSubstr("node 'Relu:y' (Relu): its domain 'ai.onnx' is not among the opset imports"));
}

TEST(ImportGraph, UpgradesOldOperators) {
  auto model = onnx_model(
      "g (float[2, 3] x) => (float[2] y) { y = ReduceSum <axes = [1], keepdims = 0> (x) }", 11);
  const auto graph = import_model(model);
  EXPECT_EQ(graph->outputs()[0]->type().str(), "f32[2]");
  const Node* node = graph->outputs()[0]->producer();
  EXPECT_EQ(node->attributes().count("axes"), 0u);
  EXPECT_EQ(node->input(1)->known_ints(), (Ints{1}));
}

TEST(ImportGraph, ChecksAttributes) {
  EXPECT_THAT(
      import_error(onnx_model("g (float[2] x) => (float[2] y) { [n] y = Relu <wrong = 1> (x) }")),
      HasSubstr("node 'n' (Relu): has no attribute 'wrong'"));
  auto model =
      onnx_model("g (float[2, 3] x) => (float[3, 2] y) { [n] y = Transpose <perm = [1, 0]> (x) }");
  EXPECT_EQ(import_error(model), "imported");
  onnx::NodeProto& node = *model.mutable_graph()->mutable_node(0);
  *node.add_attribute() = node.attribute(0);
  EXPECT_THAT(import_error(model),
              HasSubstr("node 'n' (Transpose): attribute 'perm' is given twice"));
  node.mutable_attribute()->RemoveLast();
  node.mutable_attribute(0)->set_type(onnx::AttributeProto::FLOATS);
  EXPECT_THAT(import_error(model),
              HasSubstr("attribute 'perm' is a list of floats, need a list of integers"));
  node.mutable_attribute(0)->set_type(onnx::AttributeProto::UNDEFINED);
  EXPECT_EQ(import_error(model), "imported");
  node.mutable_attribute(0)->set_ref_attr_name("perm");
  EXPECT_THAT(import_error(model),
              HasSubstr("refers to an attribute of a function, but this is none"));
}

TEST(ImportGraph, ChecksNumberOfOutputs) {
  EXPECT_THAT(import_error(onnx_model("g (float[2] x) => (float[2] y) { [n] y, z = Relu(x) }")),
              HasSubstr("node 'n' (Relu): has 2 outputs, gives at most 1"));
}

TEST(ImportGraph, WarnsOfDeclaredTypesThatAreWrong) {
  ImportOptions options;
  std::vector<std::string> warnings;
  options.warn = [&](const std::string& warning) { warnings.push_back(warning); };
  const auto graph =
      import_model(onnx_model("g (float[2] x) => (float[7] y) { y = Relu(x) }"), options);
  EXPECT_EQ(graph->outputs()[0]->type().str(), "f32[2]");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0], "test.onnx: output 'y' is f32[2], the file declares another type");
}

TEST(ImportGraph, EscapesControlCharactersInMessages) {
  auto model = onnx_model("g (float[2] x) => (float[2] y) { [n] y = Relu(x) }");
  model.mutable_graph()->mutable_node(0)->set_name("a\nb\x1b[31m");
  model.mutable_graph()->mutable_node(0)->set_op_type("Foo\n");
  const std::string error = import_error(model);
  EXPECT_THAT(error, HasSubstr("'a\\x0ab\\x1b[31m'"));
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

TEST(ImportGraph, ImportsLongChains) {
  onnx::ModelProto model = onnx_model("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  onnx::GraphProto& graph = *model.mutable_graph();
  graph.clear_node();
  constexpr int kLength = 20000;
  for (int i = 0; i < kLength; ++i) {
    onnx::NodeProto& node = *graph.add_node();
    node.set_op_type("Relu");
    node.add_input(i == 0 ? "x" : "v" + std::to_string(i));
    node.add_output(i + 1 == kLength ? "y" : "v" + std::to_string(i + 1));
  }
  EXPECT_EQ(import_model(model)->nodes().size(), static_cast<size_t>(kLength));
}

}  // namespace
}  // namespace cnnc

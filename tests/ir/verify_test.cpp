#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/error.h"
#include "ir/graph.h"
#include "tests/support/test_ops.h"

namespace cnnc {
namespace {

class Verify : public testing::Test {
 protected:
  Verify() { declare_test_ops(); }

  static std::string error_of(const Graph& graph) {
    try {
      verify(graph);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
};

TEST_F(Verify, DefinitionsComeBeforeUses) {
  Graph graph;
  graph.set_current_origins({"first"});
  Value* a = graph.make("TestNeg", {graph.add_input({DType::f32, {2}}, "x")});
  graph.set_current_origins({"second"});
  Value* b = graph.make("TestNeg", {a});
  graph.add_output(b);
  EXPECT_EQ(error_of(graph), "no error");
  graph.move_before(b->producer(), a->producer()->position());
  EXPECT_THAT(error_of(graph), testing::HasSubstr("input 0 of node 'second' (TestNeg) is not defined before its use"));
}

TEST_F(Verify, TypesAreThoseOfTheDeclaration) {
  Graph graph;
  Value* a = graph.make("TestNeg", {graph.add_input({DType::f32, {2}}, "x")});
  a->set_name("y");
  a->set_type({DType::f32, {3}});
  EXPECT_THAT(error_of(graph),
              testing::HasSubstr("value 'y' (output 0 of node TestNeg) has the type f32[3] but its declaration infers f32[2]"));
}

TEST_F(Verify, AttributesFitTheDeclaration) {
  Graph graph;
  Value* a = graph.make("TestAttributes", {graph.add_input({DType::f32, {2}})});
  a->producer()->set_attribute("integer", 1.5);
  EXPECT_THAT(error_of(graph), testing::HasSubstr("attribute 'integer' is a float, need an integer"));
  a->producer()->remove_attribute("integer");
  a->producer()->set_attribute("other", int64_t{1});
  EXPECT_THAT(error_of(graph), testing::HasSubstr("has no attribute 'other'"));
}

TEST_F(Verify, RegionsKnowTheirParentAndLeakNothing) {
  const auto graph = parse_graph(R"(graph @main(%x: f32[2]) -> f32[2] {
  %0 = Fused(%x) {body = graph @body(%1: f32[2]) -> f32[2] {
    %2 = TestNeg(%1) : f32[2]
    return %2
  }} : f32[2]
  return %0
})");
  Node* fused = graph->nodes().front().get();
  Graph* body = fused->region("body");
  Value* inner = body->outputs()[0];
  Value* leak = graph->make("TestNeg", {inner});
  EXPECT_THAT(error_of(*graph), testing::HasSubstr("counts 1 uses by a node that uses it 0 times"));
  graph->erase(leak->producer());
  EXPECT_EQ(error_of(*graph), "no error");
  body->set_parent(nullptr);
  EXPECT_THAT(error_of(*graph), testing::HasSubstr("graph 'body' does not know its parent node"));
  body->set_parent(fused);
}

}  // namespace
}  // namespace cnnc

#include "passes/rewrite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/error.h"
#include "tests/support/test_ops.h"

namespace cnnc {
namespace {

using testing::HasSubstr;

class RewriteDriver : public testing::Test {
 protected:
  RewriteDriver() { declare_test_ops(); }

  std::string rewritten(const std::string& text, const std::vector<Rewrite>& rewrites) {
    const auto graph = parse_graph(text);
    changed_ = apply_rewrites(*graph, rewrites, [&](const Rewrite& r, const Node& root, const std::string& reason) {
      log_ += r.name + " at " + root.description() + ": " + reason + "\n";
    });
    verify(*graph);
    return print(*graph);
  }

  bool changed_ = false;
  std::string log_;
};

Rewrite cancel_negations() {
  return {"cancel-negations", "-(-x) -> x", op("TestNeg", {op("TestNeg", {any("x")})}),
          [](const Match& m, Graph&) { return m["x"]; }};
}

// exp(a) * exp(b) -> exp(a + b)
Rewrite merge_exponentials() {
  return {"merge-exponentials", "exp(a) exp(b) -> exp(a + b)",
          op("TestMul", {op("TestExp", {any("a")}).used_once(), op("TestExp", {any("b")}).used_once()}),
          [](const Match& m, Graph& g) { return g.make("TestExp", {g.make("TestAdd", {m["a"], m["b"]})}); }};
}

TEST_F(RewriteDriver, GoesOnToTheFixedPoint) {
  EXPECT_EQ(rewritten(R"(graph @g(%x: f32[2]) -> f32[2] {
  %0 = TestNeg(%x) : f32[2]
  %1 = TestNeg(%0) : f32[2]
  %2 = TestNeg(%1) : f32[2]
  %3 = TestNeg(%2) : f32[2]
  %4 = TestNeg(%3) : f32[2]
  return %4
})", {cancel_negations()}),
            "graph @g(%x: f32[2]) -> f32[2] {\n  %0 = TestNeg(%x) : f32[2]\n  return %0\n}\n");
  EXPECT_TRUE(changed_);
}

TEST_F(RewriteDriver, NewNodesGetAllOriginsAndTheName) {
  EXPECT_EQ(rewritten(R"(graph @g(%x: f32[2], %y: f32[2]) -> f32[2] {
  %0 = TestExp(%x) : f32[2] loc("e1")
  %1 = TestExp(%y) : f32[2] loc("e2")
  %out = TestMul(%0, %1) : f32[2] loc("mul")
  return %out
})", {merge_exponentials()}),
            R"(graph @g(%x: f32[2], %y: f32[2]) -> f32[2] {
  %0 = TestAdd(%x, %y) : f32[2] loc("e1","e2","mul")
  %out = TestExp(%0) : f32[2] loc("e1","e2","mul")
  return %out
}
)");
}

TEST_F(RewriteDriver, SaysWhyNot) {
  const std::string text = R"(graph @g(%x: f32[2], %y: f32[2]) -> f32[2], f32[2], f32[2] {
  %0 = TestExp(%x) : f32[2] loc("e1")
  %1 = TestExp(%y) : f32[2]
  %2 = TestMul(%0, %1) : f32[2] loc("m1")
  %3 = TestMul(%1, %y) : f32[2] loc("m2")
  return %0, %2, %3
}
)";
  EXPECT_EQ(rewritten(text, {merge_exponentials()}), text);
  EXPECT_FALSE(changed_);
  EXPECT_EQ(log_,
            "merge-exponentials at node 'm1' (TestMul): the result of node 'e1' (TestExp) has 2 uses, need 1\n"
            "merge-exponentials at node 'm2' (TestMul): the result of node TestExp has 2 uses, need 1\n");
}

TEST_F(RewriteDriver, SideConditionsHaveReasons) {
  Rewrite rewrite = cancel_negations();
  rewrite.pattern = rewrite.pattern.where([](const Match& m) { return m["x"]->dtype() == DType::i32; }, "x is no i32");
  rewritten("graph @g(%x: f32[2]) -> f32[2] {\n%0 = TestNeg(%x) : f32[2]\n%1 = TestNeg(%0) : f32[2]\nreturn %1\n}", {rewrite});
  EXPECT_THAT(log_, HasSubstr("node TestNeg: x is no i32"));
}

TEST_F(RewriteDriver, CommutativePatternsAndEqualOperands) {
  const Rewrite rewrite{"square-sum", "x + exp(x) -> -x", op("TestAdd", {any("x"), op("TestExp", {any("x")})}).commutative(),
                        [](const Match& m, Graph& g) { return g.make("TestNeg", {m["x"]}); }};
  EXPECT_THAT(rewritten(R"(graph @g(%x: f32[2], %y: f32[2]) -> f32[2], f32[2] {
  %0 = TestExp(%x) : f32[2]
  %1 = TestAdd(%0, %x) : f32[2]
  %2 = TestAdd(%y, %0) : f32[2]
  return %1, %2
})", {rewrite}), HasSubstr("%1 = TestNeg(%x) : f32[2]\n  %2 = TestAdd(%y, %0)"));
  EXPECT_THAT(log_, HasSubstr("operands that have to be the same value differ"));
}

TEST_F(RewriteDriver, OperandsThatThePatternDoesNotNameMustBeAbsent) {
  const Rewrite rewrite{"drop", "TestAttributes(x) -> x", op("TestAttributes", {any("x")}),
                        [](const Match& m, Graph&) { return m["x"]; }};
  const std::string text = "graph @g(%x: f32[2]) -> f32[2] {\n  %0 = TestAttributes(%x, %x) : f32[2]\n  return %0\n}\n";
  EXPECT_EQ(rewritten(text, {rewrite}), text);
  EXPECT_THAT(log_, HasSubstr("has operand 1, which the pattern does not cover"));
  EXPECT_THAT(rewritten("graph @g(%x: f32[2]) -> f32[2] { %0 = TestAttributes(%x, _) : f32[2] return %0 }", {rewrite}),
              HasSubstr("return %x"));
}

TEST_F(RewriteDriver, RewritesThatDoNotEndAreAFault) {
  const Rewrite swap{"swap", "a + b -> b + a", op("TestAdd", {any("a"), any("b")}),
                     [](const Match& m, Graph& g) { return g.make("TestAdd", {m["b"], m["a"]}); }};
  EXPECT_THROW(rewritten("graph @g(%x: f32[2]) -> f32[2] { %0 = TestAdd(%x, %x) : f32[2] return %0 }", {swap}), Error);
}

TEST_F(RewriteDriver, ErasesOperandsThatShareAProducer) {
  const Rewrite drop{"drop", "a + b -> exp(x)", op("TestAdd", {op("TestNeg", {any("x")}), any("b")}),
                     [](const Match& m, Graph& g) { return g.make("TestExp", {m["x"]}); }};
  EXPECT_EQ(rewritten(R"(graph @g(%x: f32[2]) -> f32[2] {
  %0 = TestNeg(%x) : f32[2]
  %1 = TestExp(%0) : f32[2]
  %2 = TestAdd(%0, %1) : f32[2]
  return %2
})", {drop}), "graph @g(%x: f32[2]) -> f32[2] {\n  %0 = TestExp(%x) : f32[2]\n  return %0\n}\n");
}

}  // namespace
}  // namespace cnnc

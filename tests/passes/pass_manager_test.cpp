#include "passes/pass_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/error.h"
#include "passes/passes.h"
#include "passes/pipeline.h"
#include "tests/support/fake_target.h"
#include "tests/support/random_inputs.h"
#include "tests/support/test_ops.h"

namespace cnnc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PassManagerTest : public testing::Test {
 protected:
  PassManagerTest() { declare_test_ops(); }

  // Appends its name to log_, and changes the graph in its first `changes` runs.
  Pass step(const std::string& name, int changes = 0, bool required = false) {
    auto left = std::make_shared<int>(changes);
    return {name, "", [this, name, left](Graph&, const Target&) { return log_.push_back(name), (*left)-- > 0; }, nullptr,
            required};
  }
  bool run(const Pipeline& pipeline, PassOptions options = {}) {
    Graph graph;
    PassManager manager(pipeline, std::move(options), target_);
    const bool changed = manager.run(graph);
    stopped_ = manager.stopped();
    return changed;
  }

  FakeTarget target_;
  Strings log_;
  bool stopped_ = false;
};

TEST_F(PassManagerTest, RepeatsAStageUntilNothingChanges) {
  EXPECT_TRUE(run({{{step("a"), step("b", 2)}, kUntilFixedPoint}, {{step("c")}}}));
  EXPECT_THAT(log_, ElementsAre("a", "b", "a", "b", "a", "b", "c"));
}

TEST_F(PassManagerTest, BoundsTheRounds) {
  run({{{step("a", 100)}, 3}});
  EXPECT_EQ(log_.size(), 3u);
}

TEST_F(PassManagerTest, StopsAndDisables) {
  PassOptions options;
  options.stop_after = "b";
  options.disabled = {"a", "r"};
  run({{{step("a"), step("r", 0, true)}}, {{step("b"), step("c")}}, {{step("d")}}}, options);
  EXPECT_THAT(log_, ElementsAre("r", "b"));
  EXPECT_TRUE(stopped_);
}

TEST_F(PassManagerTest, Bisects) {
  PassOptions options;
  options.bisect_limit = 1;
  Graph graph;
  PassManager manager({{{step("r", 0, true), step("a"), step("b")}}}, options, target_);
  manager.run(graph);
  EXPECT_THAT(log_, ElementsAre("r", "a"));
  EXPECT_EQ(manager.bisectable_runs(), 1);
  EXPECT_EQ(manager.last_bisectable(), "a");
}

TEST_F(PassManagerTest, DumpsWhatIsAsked) {
  PassOptions options;
  options.dump_before = {"a"};
  options.dump_after = {"all"};
  options.dump = [&](const std::string& when, const Graph&) { log_.push_back(when); };
  run({{{step("a"), step("b")}}}, options);
  EXPECT_THAT(log_, ElementsAre("before a", "a", "after a", "b", "after b"));
}

TEST_F(PassManagerTest, CountsAndTimes) {
  Graph graph;
  PassManager manager({{{step("a", 1)}, kUntilFixedPoint}}, {}, target_);
  manager.run(graph);
  ASSERT_EQ(manager.statistics().size(), 1u);
  EXPECT_EQ(manager.statistics()[0].runs, 2);
  EXPECT_EQ(manager.statistics()[0].changes, 1);
}

TEST_F(PassManagerTest, RefusesUnknownNames) {
  PassOptions options;
  options.stop_after = "x";
  try {
    run({{{step("a"), step("b")}}}, options);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::usage);
    EXPECT_STREQ(e.what(), "there is no pass 'x' here; there are: a, b");
  }
  options = {};
  options.explained = {"nothing"};
  EXPECT_THROW(run({{{step("a")}}}, options), Error);
}

TEST_F(PassManagerTest, VerifiesAndNamesThePass) {
  Graph graph;
  graph.add_output(graph.make("TestNeg", {graph.add_input({DType::f32, {2}})}));
  Pass breaks = step("breaks");
  breaks.run = [](Graph& g, const Target&) { return g.outputs()[0]->set_type({DType::f32, {3}}), true; };
  try {
    PassManager({{{breaks}}}, {}, target_).run(graph);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("while running pass breaks"));
  }
}

TEST_F(PassManagerTest, ExplainsRewrites) {
  const Pass pass{"p", "", nullptr, [](const Target&) {
                    return std::vector<Rewrite>{{"cancel", "-(-x) -> x", op("TestNeg", {op("TestNeg", {any("x")})}),
                                                 [](const Match& m, Graph&) { return m["x"]; }}};
                  }};
  PassOptions options;
  options.explained = {"cancel"};
  options.explain = [&](const std::string& line) { log_.push_back(line); };
  const auto graph = parse_graph(
      "graph @g(%x: f32[2]) -> f32[2] { %0 = TestNeg(%x) : f32[2] loc(\"a\") %1 = TestNeg(%0) : f32[2] loc(\"b\") return %1 }");
  PassManager({{{pass}}}, options, target_).run(*graph);
  EXPECT_THAT(log_, ElementsAre("cancel at node 'a' (TestNeg): no: found input 'x', need TestNeg",
                                "cancel at node 'b' (TestNeg): applied"));
}

TEST_F(PassManagerTest, ConstantsThatWouldGrowTooMuchStay) {
  Graph graph;
  Value* column = graph.constant(random_tensor(DType::f32, {200, 1}, 1));
  Value* row = graph.constant(random_tensor(DType::f32, {200}, 2));
  graph.add_output(graph.make("TestAdd", {column, row}));
  EXPECT_FALSE(fold_constants().run(graph, target_));
}

TEST_F(PassManagerTest, EveryPassHasANameAndADoc) {
  for (const Pass& pass : all_passes()) {
    EXPECT_EQ(&pass_named(pass.name), &pass);
    EXPECT_FALSE(pass.doc.empty()) << pass.name;
    EXPECT_NE(pass.run != nullptr, pass.rewrites != nullptr) << pass.name;
  }
  EXPECT_THROW(pass_named("nothing"), Error);
  EXPECT_FALSE(inference_pipeline().empty());
}

}  // namespace
}  // namespace cnnc

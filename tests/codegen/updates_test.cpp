// Outputs that update inputs: in place where that is safe, copied at the end where it is not.
#include "codegen/updates.h"

#include <gtest/gtest.h>

#include "codegen/build.h"
#include "codegen/jit.h"
#include "tests/support/one_node.h"

namespace cnnc::codegen {
namespace {

struct Ran {
  std::vector<Tensor> results;
  int copies = 0;
};

// Compiles, checks the results against the interpreter, and that the caller's inputs are left alone.
Ran run_checked(const char* text) {
  const auto graph = parse_graph(text);
  verify(*graph);
  EXPECT_EQ(print(*graph), text);
  std::vector<Tensor> inputs;
  for (const auto& input : graph->inputs()) inputs.push_back(counting(input->type().shape()));
  const std::vector<Tensor> given = inputs, expected = interpret(*graph, inputs);
  const BuildOptions options;
  optimize(*graph, options);
  Ran ran;
  for (const auto& node : graph->nodes()) ran.copies += node->is("Copy");
  for (size_t i = 0; i < graph->outputs().size(); ++i)
    EXPECT_TRUE(graph->updated_input(i) == nullptr || is_in_place(*graph, i)) << "output " << i;
  ran.results = run(JitModel(compile(*graph, options.compile, ObjectKind::jit)), inputs);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(expected[i].identical(ran.results[i])) << "output " << i;
  for (size_t i = 0; i < given.size(); ++i) EXPECT_TRUE(given[i].identical(inputs[i])) << "input " << i;
  return ran;
}

TEST(Updates, AreWrittenInPlaceByTheLastReader) {
  EXPECT_EQ(run_checked(R"(graph @main(%w: f32[5], %g: f32[5]) -> f32[5], f32[5] {
  %0 = Mul(%w, %w) : f32[5]
  %1 = Sub(%w, %g) : f32[5]
  return %0, %1 as "w" into %w
}
)").copies, 0);
}

TEST(Updates, AreCopiedWhenTheOldValueIsReadLater) {
  EXPECT_EQ(run_checked(R"(graph @main(%w: f32[2,3], %g: f32[2,3]) -> f32[2,3], f32[2,3] {
  %0 = Sub(%w, %g) : f32[2,3]
  %1 = Mul(%w, %w) : f32[2,3]
  return %0 into %w, %1
}
)").copies, 1);
}

TEST(Updates, AreCopiedWhenTheWriterReadsOtherPlaces) {
  EXPECT_EQ(run_checked(R"(graph @main(%w: f32[3,3]) -> f32[3,3] {
  %0 = Transpose(%w) {perm = [1,0]} : f32[3,3]
  %1 = Sub(%w, %0) : f32[3,3]
  return %1 into %w
}
)").copies, 1);
}

TEST(Updates, MayExchangeInputs) {
  run_checked(R"(graph @main(%a: f32[4], %b: f32[4]) -> f32[4], f32[4] {
  return %b into %a, %a into %b
}
)");
}

TEST(Updates, OfAnInputByItselfAreNothing) {
  EXPECT_EQ(run_checked(R"(graph @main(%a: f32[4], %b: f32[4]) -> f32[4], f32[4] {
  %0 = Add(%a, %b) : f32[4]
  return %a into %a, %0
}
)").copies, 0);
}

TEST(Updates, OfOneInputByTwoResultsAreRefused) {
  const auto graph = parse_graph(R"(graph @main(%a: f32[4]) -> f32[4], f32[4] {
  %0 = Neg(%a) : f32[4]
  return %a, %0 into %a
})");
  graph->set_updated_input(0, graph->inputs()[0].get());
  EXPECT_ANY_THROW(verify(*graph));
}

}  // namespace
}  // namespace cnnc::codegen

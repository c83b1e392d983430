// Outputs that update inputs: in place where that is safe, copied at the end where it is not.
#include "codegen/updates.h"

#include <gtest/gtest.h>

#include "codegen/build.h"
#include "codegen/jit.h"
#include "codegen/target_machine.h"

namespace cnnc::codegen {
namespace {

struct Ran {
  std::vector<Tensor> results;
  int copies = 0, nodes = 0;
};

Tensor input_of(const Type& type) {
  Tensor tensor(type.dtype, type.shape());
  if (type.dtype == DType::boolean) return tensor;
  for (int64_t i = 0; i < tensor.size(); ++i) tensor.set_double(i, static_cast<double>(i));
  return tensor;
}

// Compiles, checks the results against the interpreter, and that the caller's inputs are left alone.
Ran run_checked(const std::string& text) {
  const auto graph = parse_graph(text);
  verify(*graph);
  EXPECT_EQ(print(*graph), text);
  std::vector<Tensor> inputs;
  for (const auto& input : graph->inputs()) inputs.push_back(input_of(input->type()));
  const std::vector<Tensor> given = inputs, expected = interpret(*graph, inputs);
  const BuildOptions options;
  optimize(*graph, options);
  Ran ran;
  for (const auto& node : graph->nodes()) {
    ran.copies += node->is("Copy");
    ran.nodes += !node->is("Constant");
  }
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

// The update of a weight and its momentum; all numbers are small integers, so that sums are exact in any order.
std::string step(const std::string& type, bool apply) {
  std::string text = R"(graph @main(%flag: bool[], %rate: f32[], %x: f32[5,37], %dy: f32[5,21], %w: f32[37,21], %m: f32[37,21]) -> f32[5,37], f32[37,21], f32[37,21] {
  %0 = MatMul(%dy, %w) {transA = 0, transB = 1} : f32[5,37]
  %1 = MatMul(%x, %dy) {transA = 1, transB = 0} : f32[37,21]
  %2 = Not(%flag) : bool[]
  %3, %4 = ForEach(%2, %rate, %w, %1, %m) {body = graph @update(%apply.1: bool[], %rate.1: f32[], %w.1: f32[n], %g: f32[n], %m.1: f32[n]) -> f32[n], f32[n] {
    %5 = Sub(%g, %rate.1) : f32[n]
    %6 = Add(%m.1, %5) : f32[n]
    %7 = Sub(%w.1, %6) : f32[n]
    %8 = Where(%apply.1, %7, %w.1) : f32[n]
    %9 = Where(%apply.1, %6, %m.1) : f32[n]
    return %8, %9
  }, sets = 1, shared = 2} : f32[37,21], f32[37,21]
  return %0, %3 into %w, %4 into %m
}
)";
  if (!apply) text.replace(text.find("Not(%flag)"), 10, "Identity(%flag)");
  for (size_t at = 0; (at = text.find("f32", at)) != std::string::npos; at += 3) text.replace(at, 3, type);
  return text;
}

TEST(Updates, AreWrittenByTheProductThatIsTheGradient) {
  for (const char* type : {"f32", "f64"}) {
    for (const bool apply : {true, false}) {
      const Ran ran = run_checked(step(type, apply));
      EXPECT_EQ(ran.copies, 0);
      const int in_one = apply ? 3 : 2;
      EXPECT_EQ(ran.nodes, target_for("native").registers >= 32 ? in_one : in_one + 1) << type;
    }
  }
}

}  // namespace
}  // namespace cnnc::codegen

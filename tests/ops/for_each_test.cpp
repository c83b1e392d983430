// ForEach: one body over several sets of operands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/error.h"
#include "tests/support/compiler/engines.h"
#include "tests/support/one_node.h"

namespace cnnc {
namespace {

// Two sets of other shapes; the first result of each is a moving average, the second needs the first.
constexpr const char* kMomentum = R"(graph @main(%rate: f32[], %a: f32[40,70], %da: f32[40,70], %ma: f32[70,40], %b: f32[3], %db: f32[3], %mb: f32[3]) -> f32[40,70], f32[40,70], f32[3], f32[3] {
  %0, %1, %2, %3 = ForEach(%rate, %a, %da, %ma, %b, %db, %mb) {body = graph @update(%r: f32[], %w: f32[n], %g: f32[n], %m: f32[n]) -> f32[n], f32[n] {
    %half = Constant() {value = f32[] {0.5}} : f32[]
    %4 = Mul(%m, %half) : f32[n]
    %5 = Add(%4, %g) : f32[n]
    %6 = Mul(%r, %5) : f32[n]
    %7 = Sub(%w, %6) : f32[n]
    return %7, %5
  }, sets = 2, shared = 1} : f32[40,70], f32[40,70], f32[3], f32[3]
  return %0, %1, %2, %3
}
)";

TEST(ForEach, ComputesEverySetInEveryEngine) {
  const auto graph = parse_graph(kMomentum);
  verify(*graph);
  EXPECT_EQ(print(*graph), kMomentum);
  std::vector<Tensor> inputs;
  for (const auto& input : graph->inputs()) inputs.push_back(counting(input->type().shape()));
  const std::vector<Tensor> expected = interpret(*graph, inputs);
  // Element 2 of the small set: m = 3 / 2 + 3, w = 3 - m.
  EXPECT_EQ(expected[3].as_double(2), 4.5);
  EXPECT_EQ(expected[2].as_double(2), -1.5);
  for (const Engine& engine : engines()) {
    const std::vector<Tensor> actual = engine.run(*graph, inputs);
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(expected[i].identical(actual[i])) << engine.name << ", output " << i;
  }
}

std::string fault_with(const std::string& from, const std::string& to) {
  std::string text = kMomentum;
  text.replace(text.find(from), from.size(), to);
  try {
    parse_graph(text);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(ForEach, RefusesSetsThatDoNotFitTheBody) {
  using testing::HasSubstr;
  EXPECT_THAT(fault_with("sets = 2", "sets = 3"), HasSubstr("has 7 inputs, 3 sets for its body are 10"));
  EXPECT_THAT(fault_with("%ma: f32[70,40]", "%ma: f32[70,41]"), HasSubstr("input 3 is f32[70,41], its body takes f32[n]"));
  EXPECT_THAT(fault_with("%rate: f32[]", "%rate: f32[1]"), HasSubstr("shared input 0 is f32[1], its body takes f32[]"));
  EXPECT_THAT(fault_with("Mul(%m, %half)", "CumSum(%m, %half)"), HasSubstr("CumSum"));
}

}  // namespace
}  // namespace cnnc

// Import of If, Scan and Loop: what regions capture, and what is known of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/control_flow.h"
#include "ir/error.h"
#include "tests/frontend/onnx_text.h"

namespace cnnc {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Graph> imported(const char* text) {
  auto graph = import_model(onnx_model(text));
  verify(*graph);
  return graph;
}

int count_of(const Graph& graph, const char* op) {
  int count = 0;
  for (const auto& node : graph.nodes()) count += node->is(op);
  return count;
}

std::vector<float> result_of(const Graph& graph, const std::vector<Tensor>& inputs, size_t i = 0) {
  const Tensor result = interpret(graph, inputs)[i];
  const float* data = result.data<float>();
  return std::vector<float>(data, data + result.size());
}

Tensor floats(const std::vector<float>& values) {
  return Tensor::of(DType::f32, {static_cast<int64_t>(values.size())}, values);
}

Tensor flag(bool value) {
  Tensor tensor(DType::boolean, {});
  tensor.set_int(0, value);
  return tensor;
}

TEST(ImportIf, CapturesBecomeOperands) {
  const auto graph = imported(R"(
      g (bool c, float[2] x, float[2] w) => (float[2] y) {
        k = Constant<value = float[2] {10, 20}>()
        y = If(c) <
          then_branch = a () => (float[2] t) { t = Mul(x, w) },
          else_branch = b () => (float[2] e) { e = Add(x, k) }>
      })");
  const Node& node = *graph->outputs()[0]->producer();
  EXPECT_EQ(node.inputs().size(), 3u) << "the condition, x and w; the constant is none of them";
  EXPECT_EQ(result_of(*graph, {flag(true), floats({1, 2}), floats({3, 4})}),
            (std::vector<float>{3, 8}));
  EXPECT_EQ(result_of(*graph, {flag(false), floats({1, 2}), floats({3, 4})}),
            (std::vector<float>{11, 22}));
}

TEST(ImportIf, WithAKnownConditionIsItsBranch) {
  const auto graph = imported(R"(
      g (float[1,2] x) => (float[2] y) {
        s = Shape(x)
        zero = Constant<value = int64 {0}>()
        one = Constant<value = int64 {1}>()
        n = Gather(s, zero)
        c = Equal(n, one)
        y = If(c) <
          then_branch = a () => (float[2] t) { axis = Constant<value = int64[1] {0}>() t = Squeeze(x, axis) },
          else_branch = b () => (float[1,2] e) { e = Identity(x) }>
      })");
  EXPECT_EQ(count_of(*graph, "If"), 0);
  EXPECT_EQ(graph->outputs()[0]->type().str(), "f32[2]");
}

TEST(ImportIf, BranchesOfDifferentTypesNeedAKnownCondition) {
  EXPECT_THAT(
      import_error(onnx_model(R"(
      g (bool c, float[1,2] x) => (float[2] y) {
        [pick] y = If(c) <
          then_branch = a () => (float[2] t) { axis = Constant<value = int64[1] {0}>() t = Squeeze(x, axis) },
          else_branch = b () => (float[1,2] e) { e = Identity(x) }>
      })")),
      HasSubstr("node 'pick' (If): result 0 is f32[2] in one branch and f32[1,2] in the other"));
}

const char* const kCounted = R"(
      g (float[2] x) => (float[2] last, float[3,2] all) {
        trips = Constant<value = int64 {3}>()
        yes = Constant<value = bool {1}>()
        last, all = Loop(trips, yes, x) <
          body = step (int64 i, bool c, float[2] s) => (bool again, float[2] t, float[2] u) {
            again = Identity(c)
            f = Cast<to = 1>(i)
            t = Add(s, f)
            u = Mul(t, x)
          }>
      })";

TEST(ImportLoop, WithAKnownTripCountIsAScan) {
  const auto graph = imported(kCounted);
  EXPECT_EQ(count_of(*graph, "Loop"), 0);
  EXPECT_EQ(count_of(*graph, "Scan"), 1);
  EXPECT_EQ(graph->outputs()[1]->type().str(), "f32[3,2]");
  EXPECT_EQ(result_of(*graph, {floats({1, 2})}), (std::vector<float>{4, 5}));
  EXPECT_EQ(result_of(*graph, {floats({1, 2})}, 1), (std::vector<float>{1, 4, 2, 6, 4, 10}));
}

TEST(ImportLoop, IsUnrolledWhenItsSizesChange) {
  const auto graph = imported(R"(
      g (float[1] x) => (float[n] y) {
        trips = Constant<value = int64 {3}>()
        y = Loop(trips, , x) <
          body = step (int64 i, bool c, float[n] s) => (bool again, float[m] t) {
            again = Identity(c)
            t = Concat<axis = 0>(s, x)
          }>
      })");
  EXPECT_EQ(count_of(*graph, "Loop") + count_of(*graph, "Scan"), 0);
  EXPECT_EQ(result_of(*graph, {floats({7})}), (std::vector<float>{7, 7, 7, 7}));
}

// What "while i < 4" becomes in an exporter: no trip count, a condition over a counter.
TEST(ImportLoop, CountsAConditionThatNumbersDecide) {
  const auto graph = imported(R"(
      g (float[2] x) => (float[n,2] y) {
        zero = Constant<value = int64 {0}>()
        yes = Constant<value = bool {1}>()
        count, y = Loop(, yes, zero) <
          body = step (int64 i, bool c, int64 k) => (bool again, int64 next, float[2] u) {
            one = Constant<value = int64 {1}>()
            four = Constant<value = int64 {4}>()
            next = Add(k, one)
            again = Less(next, four)
            f = Cast<to = 1>(k)
            u = Mul(x, f)
          }>
      })");
  EXPECT_EQ(graph->outputs()[0]->type().str(), "f32[4,2]");
  EXPECT_EQ(result_of(*graph, {floats({1, 2})}), (std::vector<float>{0, 0, 1, 2, 2, 4, 3, 6}));
}

TEST(ImportLoop, CannotStackWhatDataCounts) {
  EXPECT_THAT(import_error(onnx_model(R"(
      g (int64 trips, float[2] x) => (float[n,2] y) {
        [again] y = Loop(trips, ) <
          body = step (int64 i, bool c) => (bool more, float[2] u) { more = Identity(c) u = Neg(x) }>
      })")),
              HasSubstr("node 'again' (Loop): how often it runs depends on data"));
}

TEST(ImportScan, RunsAlongTheAxesThatItNames) {
  const auto graph = imported(R"(
      g (float[2] s, float[2,3] x) => (float[2] last, float[2,3] y) {
        last, y = Scan<num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [-1],
                       scan_input_directions = [1],
          body = step (float[2] a, float[2] e) => (float[2] b, float[2] u) {
            b = Add(a, e)
            u = Identity(b)
          }>(s, x)
      })");
  const Tensor x = Tensor::of<float>(DType::f32, {2, 3}, {1, 2, 3, 10, 20, 30});
  EXPECT_EQ(result_of(*graph, {floats({0, 0}), x}), (std::vector<float>{6, 60}));
  EXPECT_EQ(result_of(*graph, {floats({0, 0}), x}, 1), (std::vector<float>{3, 5, 6, 30, 50, 60}));
}

TEST(ImportScan, ReportsStatesThatChange) {
  EXPECT_THAT(import_error(onnx_model(R"(
      g (float[2] s, float[3,2] x) => (float[4] y) {
        [grow] y = Scan<num_scan_inputs = 1,
          body = step (float[2] a, float[2] e) => (float[4] b) { b = Concat<axis = 0>(a, e) }>(s, x)
      })")),
              HasSubstr("carried value 0 is f32[2] before and f32[4] after its body"));
}

TEST(ImportRegions, CaptureThroughSeveralGraphs) {
  const auto graph = imported(R"(
      g (float[3,2] x, float[2] s, float[2] w, bool c) => (float[2] y) {
        y = Scan<num_scan_inputs = 1,
          body = step (float[2] a, float[2] e) => (float[2] b) {
            v = If(c) <
              then_branch = t () => (float[2] p) { p = Mul(a, w) },
              else_branch = f () => (float[2] q) { q = Sub(a, w) }>
            b = Add(v, e)
          }>(s, x)
      })");
  const Tensor x = Tensor::of<float>(DType::f32, {3, 2}, {1, 1, 1, 1, 1, 1});
  EXPECT_EQ(result_of(*graph, {x, floats({1, 1}), floats({2, 3}), flag(true)}),
            (std::vector<float>{15, 40}));
  EXPECT_EQ(result_of(*graph, {x, floats({1, 1}), floats({2, 3}), flag(false)}),
            (std::vector<float>{-2, -5}));
}

}  // namespace
}  // namespace cnnc

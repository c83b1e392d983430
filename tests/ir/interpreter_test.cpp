#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ir/error.h"
#include "ir/graph.h"
#include "ir/op_def.h"
#include "tests/support/test_ops.h"

namespace cnnc {
namespace {

using testing::ElementsAre;

class Interpreter : public testing::Test {
 protected:
  Interpreter() { declare_test_ops(); }

  static std::vector<double> numbers(const Tensor& t) {
    std::vector<double> out;
    for (int64_t i = 0; i < t.size(); ++i) out.push_back(t.as_double(i));
    return out;
  }
  static Tensor counting(Shape shape, DType dtype = DType::f32) {
    Tensor t(dtype, std::move(shape));
    for (int64_t i = 0; i < t.size(); ++i) t.set_double(i, static_cast<double>(i));
    return t;
  }
  // Result 0 of a one-node graph over the inputs.
  static Tensor run(const std::string& op, const std::vector<Tensor>& inputs, size_t output = 0) {
    Graph graph;
    std::vector<Value*> operands;
    for (const Tensor& t : inputs) operands.push_back(graph.add_input(type_of(t)));
    Node* node = graph.add(op, operands, {}, static_cast<int>(output) + 1);
    graph.add_output(node->output(output));
    verify(graph);
    return interpret(graph, inputs)[0];
  }
};

TEST_F(Interpreter, Broadcasts) {
  EXPECT_THAT(numbers(run("TestAdd", {counting({2, 1}), counting({3})})), ElementsAre(0, 1, 2, 1, 2, 3));
  EXPECT_THAT(numbers(run("TestAdd", {counting({}), counting({})})), ElementsAre(0));
  EXPECT_THAT(run("TestAdd", {counting({0, 1}), counting({3})}).shape(), ElementsAre(0, 3));
}

TEST_F(Interpreter, HalfPrecisionRoundsEachResult) {
  const Tensor a = Tensor::scalar(DType::f16, 2048), b = Tensor::scalar(DType::f16, 1);
  EXPECT_EQ(run("TestAdd", {a, b}).as_double(0), 2048);
  EXPECT_EQ(run("TestAdd", {Tensor::scalar(DType::bf16, 256), Tensor::scalar(DType::bf16, 1)}).as_double(0), 256);
}

TEST_F(Interpreter, IntegersWrap) {
  EXPECT_EQ(run("TestMul", {Tensor::scalar(DType::i8, 100), Tensor::scalar(DType::i8, 3)}).as_int(0), 44);
  EXPECT_EQ(run("TestMul", {Tensor::scalar(DType::u16, 65535), Tensor::scalar(DType::u16, 65535)}).as_int(0), 1);
}

TEST_F(Interpreter, ManyBlocksOfPoints) {
  const Tensor x = counting({7, 5, 101}, DType::f64);
  const Tensor shifted = run("TestShift", {x});
  for (int64_t i = 0; i < x.size(); ++i) EXPECT_EQ(shifted.as_double(i), i % 101 == 0 ? 0 : i - 1);
}

TEST_F(Interpreter, ReducesFewAndManyPoints) {
  for (Shape shape : {Shape{1000}, Shape{300, 3}, Shape{2, 1000}, Shape{3, 0}, Shape{0, 3}}) {
    const Tensor x = counting(shape, DType::f64);
    const Tensor sums = run("TestSum", {x});
    const int64_t n = shape.back();
    for (int64_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums.as_double(i), i * n * n + n * (n - 1) / 2);
  }
}

TEST_F(Interpreter, SeveralAccumulators) {
  const Tensor x = Tensor::of<float>(DType::f32, {2, 3}, {1, 5, 5, -3, -4, -2});
  EXPECT_THAT(numbers(run("TestArgMax", {x}, 0)), ElementsAre(5, -2));
  EXPECT_THAT(numbers(run("TestArgMax", {x}, 1)), ElementsAre(1, 2));
}

TEST_F(Interpreter, Decompositions) {
  const Tensor y = run("TestSoftplus", {Tensor::of<float>(DType::f32, {2}, {0, 1})});
  EXPECT_EQ(y.as_double(0), 2);
  EXPECT_EQ(y.as_double(1), 1.0f + static_cast<float>(std::exp(1.0)));
}

TEST_F(Interpreter, BindsSymbolsFromInputs) {
  const auto graph = parse_graph(R"(graph @g(%x: f32[batch,n], %y: f32[n*2]) -> i64[2], f32[batch] {
  %0 = TestSizes(%x) : i64[2]
  %1 = TestSum(%x) : f32[batch]
  return %0, %1
})");
  const auto results = interpret(*graph, {counting({2, 3}), counting({6})});
  EXPECT_THAT(numbers(results[0]), ElementsAre(2, 3));
  EXPECT_THAT(numbers(results[1]), ElementsAre(3, 12));
  graph->set_output(1, graph->inputs()[1].get());
  EXPECT_THROW(interpret(*graph, {counting({2, 3}), counting({5})}), Error);
  EXPECT_THROW(interpret(*graph, {counting({2, 3})}), Error);
  EXPECT_THROW(interpret(*graph, {counting({2, 3}, DType::f64), counting({6})}), Error);
}

TEST_F(Interpreter, OneNodeWithSymbols) {
  Graph graph;
  const Node* node = graph.add("TestSum", {graph.add_input({DType::f32, {Dim::symbol("n"), 2}})});
  const Tensor x = counting({3, 2});
  EXPECT_THAT(numbers(interpret_node(*node, {&x})[0]), ElementsAre(1, 5, 9));
}

}  // namespace
}  // namespace cnnc

#include <gtest/gtest.h>

#include <cmath>

#include "ir/error.h"
#include "ir/graph.h"

namespace cnnc {
namespace {

Tensor numbers(const Shape& shape, double step) {
  Tensor tensor(DType::f64, shape);
  for (int64_t i = 0; i < tensor.size(); ++i) tensor.set_double(i, std::sin(step * static_cast<double>(i + 1)));
  return tensor;
}

// The states of one sample, with factors of h if given.
Tensor states(const std::string& op, int64_t gates, const Tensor& recurrent, const Tensor* factors, const Attributes& attributes) {
  Graph graph;
  std::vector<Value*> operands{graph.constant(numbers({4, 1, 2}, 0.7)), graph.constant(numbers({1, gates * 3, 2}, 0.3)),
                               graph.constant(recurrent)};
  if (factors) {
    operands.resize(op == "LSTM" ? 8 : 6);
    operands.push_back(graph.constant(*factors));
  }
  graph.add_output(graph.add(op, operands, attributes, 1)->output());
  return interpret(graph, {})[0];
}

// (h f) R = h (f R): of a single sample, factors are as good as other weights.
void expect_factors_of_each_gate(const std::string& op, int64_t gates, const Attributes& attributes = {}) {
  const Tensor recurrent = numbers({1, gates * 3, 3}, 0.4), factors = numbers({1, gates * 3}, 1.3);
  Tensor scaled = recurrent;
  for (int64_t row = 0; row < gates * 3; ++row)
    for (int64_t k = 0; k < 3; ++k)
      scaled.set_double(row * 3 + k, recurrent.as_double(row * 3 + k) * factors.as_double(row / 3 * 3 + k));
  const Tensor found = states(op, gates, recurrent, &factors, attributes), expected = states(op, gates, scaled, nullptr, attributes);
  const Tensor without = states(op, gates, recurrent, nullptr, attributes);
  for (int64_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found.as_double(i), expected.as_double(i), 1e-12) << op << " " << i;
  EXPECT_GT(std::abs(found.as_double(11) - without.as_double(11)), 1e-4) << op;
}

TEST(RecurrentFactors, MultiplyTheStateBeforeTheProductsOfEachGate) {
  expect_factors_of_each_gate("LSTM", 4);
  expect_factors_of_each_gate("GRU", 3);
  expect_factors_of_each_gate("GRU", 3, {{"linear_before_reset", int64_t{1}}});
}

TEST(RecurrentFactors, ThatDoNotFitAreRefused) {
  const Tensor recurrent = numbers({1, 12, 3}, 0.4), factors = numbers({1, 3}, 1.3);
  try {
    states("LSTM", 4, recurrent, &factors, {});
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("factors of h are f64[1,3]"), std::string::npos) << e.message();
  }
}

}  // namespace
}  // namespace cnnc

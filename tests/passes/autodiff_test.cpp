// The gradient of every operator against central differences, in f64, on the examples that its
// declaration gives.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "ir/error.h"
#include "ir/op_def.h"
#include "passes/autodiff/gradients.h"
#include "tests/support/examples.h"

namespace cnnc {
namespace {

// Operators with float results that have no gradient, and why. The list may only get shorter.
const std::map<std::string, std::string> kWithoutGradient = {
    {"Fused", "passes make it of differentiated graphs"},
    {"ForEach", "updates what has been differentiated"},
    {"PackPanels", "code generation makes it of differentiated graphs"},
    {"AllReduceBegin", "is made after differentiation"},
    {"AllReduceEnd", "is made after differentiation"},
    {"BandedProduct", "is part of gradients"},
    {"ResizeMatrix", "depends on the shape of its operand only"},
    {"ConvWeightGradient", "is a gradient itself"},
    {"WinogradWeightGradient", "is a gradient itself"},
    {"GridSampleTaps", "is part of a gradient"},
    {"GridSampleGridGradient", "is a gradient itself"},
    {"AffineSampleTaps", "is part of a gradient"},
    {"AffineSampleMatrixGradient", "is a gradient itself"},
    {"ScatterRows", "passes make it of differentiated graphs, and it is part of gradients"},
    {"MaxPoolGradient", "is a gradient itself"},
    {"AveragePoolGradient", "is a gradient itself"},
};

// Packed weights are made after differentiation.
bool is_differentiable(const Example& example) { return !example.attributes.count("weight_shape"); }

// The example in f64: loss = sum of outputs times fixed numbers. Random float operands are inputs.
struct Case {
  Graph graph;
  std::vector<Value*> wrt;
  std::vector<Tensor> inputs;
  Value* loss = nullptr;
};

Tensor in_f64(const Tensor& t) {
  if (!is_float(t.dtype()) || is_narrow(t.dtype())) return t;
  Tensor wide(DType::f64, t.shape());
  for (int64_t i = 0; i < t.size(); ++i) wide.set_double(i, t.as_double(i));
  return wide;
}

Value* weighted_sum(Graph& g, Value* y, unsigned seed) {
  const Tensor weights = random_tensor(DType::f64, y->type().shape(), 0.5, 1.5, seed);
  Value* product = g.make("Mul", {y, g.constant(weights)});
  return g.make("ReduceSum", {product}, {{"keepdims", int64_t{0}}});
}

// False when the example has nothing to differentiate.
bool build(const OpDef& op, const Example& example, Case& result) {
  const ExampleGraph source = example_graph(op, example);
  Graph& g = result.graph;
  std::vector<Value*> operands;
  const std::vector<const Tensor*> tensors = source.operands();
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i] == nullptr) {
      operands.push_back(nullptr);
      continue;
    }
    const Tensor tensor = in_f64(*tensors[i]);
    const bool given = example.operands[i].tensor.has_value();
    if (given || tensor.dtype() != DType::f64) {
      operands.push_back(g.constant(tensor));
      continue;
    }
    operands.push_back(g.add_input(type_of(tensor), cat("x", i)));
    result.wrt.push_back(operands.back());
    result.inputs.push_back(tensor);
  }
  if (result.wrt.empty()) return false;
  const Node* node = g.add(op.name(), operands, example.attributes, example.output_count);
  for (size_t i = 0; i < node->output_count(); ++i) {
    Value* y = node->output(i);
    if (y->dtype() != DType::f64) continue;
    Value* term = weighted_sum(g, y, static_cast<unsigned>(10 + i));
    result.loss = result.loss ? g.make("Add", {result.loss, term}) : term;
  }
  if (result.loss) g.add_output(result.loss, "loss");
  return result.loss != nullptr;
}

double loss_at(const Graph& graph, std::vector<Tensor> inputs, size_t k, int64_t i, double by) {
  inputs[k].set_double(i, inputs[k].as_double(i) + by);
  return interpret(graph, inputs)[0].as_double(0);
}

void expect_gradients(Case& c) {
  constexpr double kStep = 1e-5, kTolerance = 1e-6;
  const std::unique_ptr<Graph> forward = c.graph.clone();
  const std::vector<Value*> gradients_ = gradients(c.graph, c.loss, c.wrt);
  for (Value* gradient : gradients_)
    if (gradient) c.graph.add_output(gradient);
  verify(c.graph);
  const std::vector<Tensor> results = interpret(c.graph, c.inputs);
  const double here = results[0].as_double(0);
  size_t next = 1;
  for (size_t k = 0; k < c.wrt.size(); ++k) {
    const Tensor* actual = gradients_[k] ? &results[next++] : nullptr;
    if (actual) {
      ASSERT_EQ(actual->shape(), c.inputs[k].shape());
    }
    for (int64_t i = 0; i < c.inputs[k].size(); ++i) {
      const double up = loss_at(*forward, c.inputs, k, i, kStep),
                   down = loss_at(*forward, c.inputs, k, i, -kStep);
      const double expected = (up - down) / (2 * kStep), scale = std::max(1.0, std::fabs(expected));
      // At a kink there is no derivative to compare with.
      if (std::fabs((up - here) - (here - down)) > 1e-3 * kStep * scale) continue;
      EXPECT_NEAR(actual ? actual->as_double(i) : 0, expected, kTolerance * scale)
          << "operand " << k << ", element " << i;
    }
  }
}

class Autodiff : public testing::TestWithParam<const OpDef*> {};

TEST_P(Autodiff, MatchesCentralDifferences) {
  const OpDef& op = *GetParam();
  if (const auto it = kWithoutGradient.find(op.name()); it != kWithoutGradient.end()) {
    EXPECT_FALSE(op.has_gradient()) << "it has one now: take it off the list";
    GTEST_SKIP() << "has no gradient: it " << it->second;
  }
  for (size_t i = 0; i < op.examples().size(); ++i) {
    SCOPED_TRACE(cat("example ", i));
    try {
      Case c;
      if (!is_differentiable(op.examples()[i]) || !build(op, op.examples()[i], c)) continue;
      SCOPED_TRACE(print(c.graph));
      expect_gradients(c);
    } catch (const Error& e) {
      ADD_FAILURE() << "example " << i << ": " << e.what();
    }
  }
}

// A product has a slope at zero, which its own value divided by the element does not give.
TEST(ProductGradient, IsRightAtZeros) {
  const Tensor x = Tensor::of<double>(DType::f64, {3, 4}, {2, 3, 4, 5, 2, 0, 4, 5, 0, 3, 0, 5});
  for (const char* op : {"ReduceProd", "CumProd"}) {
    for (const Attributes& attributes : std::vector<Attributes>{{}, {{"exclusive", int64_t{1}}}}) {
      if (!attributes.empty() && std::string(op) == "ReduceProd") continue;
      SCOPED_TRACE(op);
      Case c;
      c.wrt = {c.graph.add_input(type_of(x), "x")};
      c.inputs = {x};
      const bool reduces = std::string(op) == "ReduceProd";
      Value* axis = c.graph.constant(reduces ? Tensor::ints({1}) : Tensor::scalar(DType::i64, 1));
      c.loss = weighted_sum(c.graph, c.graph.make(op, {c.wrt[0], axis}, attributes), 7);
      c.graph.add_output(c.loss, "loss");
      expect_gradients(c);
    }
  }
}

// The root has no slope there; PyTorch takes 0, too.
TEST(NormGradient, IsZeroWhereAllElementsAre) {
  const Tensor x = Tensor::of<double>(DType::f64, {2, 2}, {3, 4, 0, 0});
  Graph g;
  Value* input = g.add_input(type_of(x), "x");
  Value* norms = g.make("ReduceL2", {input, g.constant(Tensor::ints({1}))});
  Value* loss = g.make("ReduceSum", {norms}, {{"keepdims", int64_t{0}}});
  g.add_output(gradients(g, loss, {input})[0]);
  const Tensor slope = interpret(g, {x})[0];
  const double expected[] = {0.6, 0.8, 0, 0};
  for (int64_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(slope.as_double(i), expected[i]);
}

TEST(Gradients, NameTheNodeThatHasNone) {
  Graph g;
  Value* x = g.add_input({DType::f64, {2, 3}}, "x");
  g.set_current_origins({"panels"});
  Value* packed =
      g.make("PackPanels", {x}, {{"group", 1}, {"nr", 2}, {"layout", std::string("OI")}});
  Value* loss = weighted_sum(g, packed, 1);
  try {
    gradients(g, loss, {x});
    FAIL() << "there is no gradient of PackPanels";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("node 'panels' (PackPanels)"), std::string::npos) << e.message();
    EXPECT_NE(e.message().find("has no derivative"), std::string::npos) << e.message();
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, Autodiff, testing::ValuesIn(all_ops()),
                         [](const auto& info) { return info.param->name(); });

}  // namespace
}  // namespace cnnc

// Walks the registry: every operator keeps what its declaration promises, on every example that it
// gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ir/loop_nest.h"
#include "ir/op_def.h"
#include "ir/scalar_eval.h"
#include "tests/support/compiler/engines.h"
#include "tests/support/examples.h"

namespace cnnc {
namespace {

class OpConformance : public testing::TestWithParam<const OpDef*> {
 protected:
  const OpDef& op() const { return *GetParam(); }

  void for_each_example(const std::function<void(const ExampleGraph&)>& check) const {
    for (size_t i = 0; i < op().examples().size(); ++i) {
      SCOPED_TRACE(cat("example ", i));
      try {
        const ExampleGraph example = example_graph(op(), op().examples()[i]);
        SCOPED_TRACE(print(*example.graph));
        check(example);
      } catch (const Error& e) {
        ADD_FAILURE() << "example " << i << ": " << e.what();
      }
    }
  }
};

TEST_P(OpConformance, HasDocumentationAndExamples) {
  EXPECT_FALSE(op().doc_text().empty());
  // Regions are made of operators, which need not be declared yet where an example is.
  const auto& attributes = op().attributes();
  const bool has_region = std::any_of(attributes.begin(), attributes.end(), [](const auto& def) {
    return std::holds_alternative<std::shared_ptr<Graph>>(def.example);
  });
  EXPECT_TRUE(has_region || !op().examples().empty());
}

TEST_P(OpConformance, ComputesWhatItInfers) {
  for_each_example([](const ExampleGraph& example) {
    verify(*example.graph);
    const std::vector<Tensor> results = interpret(*example.graph, example.inputs);
    ASSERT_EQ(results.size(), example.node->output_count());
    for (size_t i = 0; i < results.size(); ++i)
      EXPECT_EQ(type_of(results[i]).str(), example.node->output(i)->type().str()) << "output " << i;
  });
}

// What is known of the elements when the node is made must be what they turn out to be.
TEST_P(OpConformance, KnowsItsContentRightly) {
  for_each_example([](const ExampleGraph& example) {
    const std::vector<Tensor> results = interpret(*example.graph, example.inputs);
    for (size_t i = 0; i < results.size(); ++i) {
      const auto known = example.node->output(i)->known_ints();
      if (!known) continue;
      ASSERT_EQ(static_cast<int64_t>(known->size()), results[i].size());
      for (int64_t k = 0; k < results[i].size(); ++k)
        EXPECT_EQ((*known)[static_cast<size_t>(k)], results[i].as_int(k))
            << "output " << i << ", element " << k;
    }
  });
}

TEST_P(OpConformance, PrintsAndParsesBack) {
  for_each_example([](const ExampleGraph& example) {
    const PrintOptions all{.max_elements = -1};
    const std::string text = print(*example.graph, all);
    const auto parsed = parse_graph(text);
    verify(*parsed);
    EXPECT_EQ(print(*parsed, all), text);
    const auto expected = interpret(*example.graph, example.inputs),
               actual = interpret(*parsed, example.inputs);
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_TRUE(expected[i].identical(actual[i])) << "output " << i;
  });
}

void expect_all_engines_agree(const Graph& graph, const std::vector<Tensor>& inputs) {
  const std::vector<Tensor> expected = interpret(graph, inputs);
  for (const Engine& engine : engines()) {
    SCOPED_TRACE(engine.name);
    try {
      const std::vector<Tensor> actual = engine.run(graph, inputs);
      ASSERT_EQ(actual.size(), expected.size());
      for (size_t i = 0; i < actual.size(); ++i)
        EXPECT_EQ(difference(expected[i], actual[i], engine.units), "") << "output " << i;
    } catch (const Error& e) {
      ADD_FAILURE() << e.what();
    }
  }
}

TEST_P(OpConformance, AllEnginesAgree) {
  for_each_example([](const ExampleGraph& example) {
    expect_all_engines_agree(*example.graph, example.inputs);
  });
}

// Whether an example's operands fit each other; another size than the declared one need not.
static bool fits(const ExampleGraph& example) {
  try {
    interpret(*example.graph, example.inputs);
    return true;
  } catch (const Error& e) {
    if (e.message().find("do not fit each other") == std::string::npos) throw;
    return false;
  }
}

// The first axis of every operand as long as the first one's is of a size that only a run tells.
TEST_P(OpConformance, AllEnginesAgreeOnSymbolicSizes) {
  bool any = false;
  for (size_t i = 0; i < op().examples().size(); ++i) {
    const Example& fixed = op().examples()[i];
    const std::optional<Example> symbolic = symbolic_example(op(), fixed);
    if (!symbolic) continue;
    any = true;
    SCOPED_TRACE(cat("example ", i));
    for (int64_t more : {0, 2}) {
      const ExampleGraph example =
          example_graph(op(), *symbolic, 1, {{kExampleSymbol, *first_size(fixed) + more}});
      SCOPED_TRACE(print(*example.graph));
      if (more == 0 || fits(example)) expect_all_engines_agree(*example.graph, example.inputs);
    }
  }
  if (!any) GTEST_SKIP() << "no example allows it";
}

// Kernel, expression and decomposition describe one thing. Sums in another order differ by some
// units.
TEST_P(OpConformance, AllFormsAgree) {
  constexpr double kUnits = 32;
  for_each_example([&](const ExampleGraph& example) {
    const std::vector<Tensor> expected = interpret(*example.graph, example.inputs);
    for (size_t i = 0; i < expected.size() && op().has_computation(); ++i) {
      const Computation computation = op().computation(*example.node, static_cast<int>(i));
      EXPECT_EQ(difference(expected[i], evaluate(computation, example.operands(), {}), kUnits), "")
          << "output " << i;
    }
    if (!op().has_decomposition()) return;
    std::vector<Tensor> inputs;
    for (const Tensor* operand : example.operands())
      inputs.push_back(operand ? *operand : Tensor());
    const std::vector<Tensor> actual = interpret(*decomposed_body(*example.node), inputs);
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_EQ(difference(expected[i], actual[i], kUnits), "") << "decomposition, output " << i;
  });
}

// The element-wise function `f` of params as a computation over the node's operands.
Tensor evaluate_elementwise(const ExampleGraph& example, const Scalar& f) {
  const OpContext c(*example.node);
  Computation computation;
  computation.dtype = f.dtype();
  computation.space = c.output_type().dims;
  const Scalars at = OpContext::indices(static_cast<int>(computation.space.size()));
  computation.value = rewrite_leaves(f, [&](const Scalar& leaf) {
    return leaf.op() == ScalarOp::param ? c.load_broadcast(static_cast<size_t>(leaf->integer), at)
                                        : Scalar();
  });
  return evaluate(computation, example.operands(), {});
}

Scalar shifted(const Scalar& f, int param, double by) {
  return rewrite_leaves(f, [&](const Scalar& leaf) {
    return leaf.op() == ScalarOp::param && leaf->integer == param ? leaf + by : Scalar();
  });
}

void expect_derivative(const ExampleGraph& example, const Scalar& f, int param) {
  constexpr double kStep = 1e-5, kTolerance = 1e-6;
  const Tensor actual = evaluate_elementwise(example, differentiate(f, param));
  const Tensor expected = evaluate_elementwise(
      example, (shifted(f, param, kStep) - shifted(f, param, -kStep)) / (2 * kStep));
  const Tensor left = evaluate_elementwise(example, (f - shifted(f, param, -kStep)) / kStep);
  const Tensor right = evaluate_elementwise(example, (shifted(f, param, kStep) - f) / kStep);
  for (int64_t i = 0; i < actual.size(); ++i) {
    const double e = expected.as_double(i), scale = std::max(1.0, std::fabs(e));
    // At a kink there is no derivative to compare with.
    if (std::fabs(left.as_double(i) - right.as_double(i)) > 1e-2 * scale) continue;
    EXPECT_NEAR(actual.as_double(i), e, kTolerance * scale)
        << "operand " << param << ", element " << i;
  }
}

TEST_P(OpConformance, DerivativeMatchesCentralDifferences) {
  if (!op().is_elementwise()) GTEST_SKIP() << "not element-wise";
  for_each_example([&](const ExampleGraph& example) {
    const Scalar f = op().scalar_function(*example.node);
    if (f.dtype() != DType::f64) return;
    for (size_t k = 0; k < example.node->inputs().size(); ++k)
      if (example.node->input(k) && example.node->input(k)->dtype() == DType::f64)
        expect_derivative(example, f, static_cast<int>(k));
  });
}

INSTANTIATE_TEST_SUITE_P(Registry, OpConformance, testing::ValuesIn(all_ops()),
                         [](const auto& info) { return info.param->name(); });

}  // namespace
}  // namespace cnnc

// Branches and loops of compiled programs, and their gradients, against the interpreter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ir/control_flow.h"
#include "ir/error.h"
#include "passes/autodiff/gradients.h"
#include "tests/support/compiler/engines.h"
#include "tests/support/examples.h"

namespace cnnc {
namespace {

struct Case {
  const char* name;
  const char* text;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Inputs named `flag` are bools and `trips` are counts; all others are random floats.
std::vector<Tensor> inputs_of(const Graph& graph, bool flag, int64_t trips) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < graph.inputs().size(); ++i) {
    const Value& input = *graph.inputs()[i];
    const Shape shape = input.type().shape();
    inputs.push_back(is_float(input.dtype())
                         ? random_tensor(input.dtype(), shape, -1, 1, static_cast<unsigned>(7 + i))
                         : Tensor(input.dtype(), shape));
    if (input.dtype() == DType::boolean) inputs.back().set_int(0, flag);
    if (input.dtype() == DType::i64) inputs.back().set_int(0, trips);
  }
  return inputs;
}

void expect_engines_agree(const Graph& graph, const std::vector<Tensor>& inputs) {
  const std::vector<Tensor> expected = interpret(graph, inputs);
  for (const Engine& engine : engines()) {
    SCOPED_TRACE(engine.name);
    const std::vector<Tensor> actual = engine.run(graph, inputs);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i)
      EXPECT_EQ(difference(expected[i], actual[i], engine.units), "") << "output " << i;
  }
}

const Case kCases[] = {
    {"IfWithCaptures", R"(graph @g(%flag: bool[], %x: f64[3], %w: f64[3]) -> f64[3], f64[3] {
  %0, %1 = If(%flag, %x, %w) {
    else_branch = graph @else(%a: f64[3], %b: f64[3]) -> f64[3], f64[3] {
      %2 = Sub(%a, %b) : f64[3]
      return %b, %2
    },
    then_branch = graph @then(%a: f64[3], %b: f64[3]) -> f64[3], f64[3] {
      %3 = Mul(%a, %b) : f64[3]
      %4 = Exp(%3) : f64[3]
      return %3, %4
    }} : f64[3], f64[3]
  %5 = Mul(%0, %x) : f64[3]
  return %5, %1
})"},
    {"ScanThatSwapsItsStates", R"(graph @g(%s: f64[2], %t: f64[2], %x: f64[5,2]) -> f64[2], f64[2] {
  %0, %1 = Scan(%s, %t, %x) {
    body = graph @body(%a: f64[2], %b: f64[2], %e: f64[2]) -> f64[2], f64[2] {
      %2 = Mul(%a, %e) : f64[2]
      %3 = Add(%2, %b) : f64[2]
      return %b, %3
    }, num_scan_inputs = 1} : f64[2], f64[2]
  return %0, %1
})"},
    {"ScanInBothDirections",
     R"(graph @g(%s: f64[2], %x: f64[4,2], %y: f64[4,2], %w: f64[2]) -> f64[2], f64[4,2], f64[4,2] {
  %0, %1, %2 = Scan(%s, %x, %y, %w) {
    body = graph @body(%a: f64[2], %e: f64[2], %f: f64[2], %v: f64[2]) -> f64[2], f64[2], f64[2] {
      %3 = Mul(%a, %v) : f64[2]
      %4 = Add(%3, %e) : f64[2]
      %5 = Tanh(%4) : f64[2]
      %6 = Mul(%5, %f) : f64[2]
      return %5, %a, %6
    }, num_captures = 1, num_scan_inputs = 2, scan_input_directions = [0, 1],
    scan_output_directions = [1, 0]} : f64[2], f64[4,2], f64[4,2]
  return %0, %1, %2
})"},
    {"IfInsideOfScan", R"(graph @g(%s: f64[2], %x: f64[4,2], %w: f64[2]) -> f64[2], f64[4,2] {
  %0, %1 = Scan(%s, %x, %w) {
    body = graph @body(%a: f64[2], %e: f64[2], %v: f64[2]) -> f64[2], f64[2] {
      %2 = ReduceSum(%e) {keepdims = 0} : f64[]
      %3 = Constant() {value = f64[] {0.0}} : f64[]
      %4 = Greater(%2, %3) : bool[]
      %5 = If(%4, %a, %v, %e) {
        else_branch = graph @else(%b: f64[2], %c: f64[2], %d: f64[2]) -> f64[2] {
          %6 = Sub(%b, %c) : f64[2]
          return %6
        },
        then_branch = graph @then(%b: f64[2], %c: f64[2], %d: f64[2]) -> f64[2] {
          %7 = Mul(%b, %c) : f64[2]
          %8 = Add(%7, %d) : f64[2]
          return %8
        }} : f64[2]
      return %5, %5
    }, num_captures = 1, num_scan_inputs = 1} : f64[2], f64[4,2]
  return %0, %1
})"},
    {"ScanInsideOfScan", R"(graph @g(%s: f64[], %x: f64[3,2], %w: f64[]) -> f64[], f64[3,2] {
  %0, %1 = Scan(%s, %x, %w) {
    body = graph @outer(%a: f64[], %row: f64[2], %v: f64[]) -> f64[], f64[2] {
      %2, %3 = Scan(%a, %row, %v) {
        body = graph @inner(%b: f64[], %e: f64[], %u: f64[]) -> f64[], f64[] {
          %4 = Mul(%b, %u) : f64[]
          %5 = Add(%4, %e) : f64[]
          return %5, %4
        }, num_captures = 1, num_scan_inputs = 1} : f64[], f64[2]
      return %2, %3
    }, num_captures = 1, num_scan_inputs = 1} : f64[], f64[3,2]
  return %0, %1
})"},
    {"ScanWhoseSlicesAreUnused", R"(graph @g(%s: f64[2], %x: f64[4,2]) -> f64[2] {
  %0 = Scan(%s, %x) {
    body = graph @body(%a: f64[2], %e: f64[2]) -> f64[2] {
      %1 = Constant() {value = f64[] {1.5}} : f64[]
      %2 = Mul(%a, %1) : f64[2]
      return %2
    }, num_scan_inputs = 1} : f64[2]
  return %0
})"},
    {"ScanThatMultipliesByCaptures", R"(graph @g(%s: f64[3,2], %x: f64[4,3,5], %r: f64[2,2], %w: f64[5,2]) -> f64[3,2], f64[4,3,2] {
  %0, %1 = Scan(%s, %x, %r, %w) {
    body = graph @step(%a: f64[3,2], %e: f64[3,5], %p: f64[2,2], %q: f64[5,2]) -> f64[3,2], f64[3,2] {
      %2 = MatMul(%a, %p) : f64[3,2]
      %3 = MatMul(%e, %q) : f64[3,2]
      %4 = Add(%2, %3) : f64[3,2]
      %5 = Tanh(%4) : f64[3,2]
      return %5, %4
    }, num_captures = 2, num_scan_inputs = 1, scan_input_directions = [1]} : f64[3,2], f64[4,3,2]
  return %0, %1
})"},
    {"ScanWhoseProductsRunBothWays", R"(graph @g(%s: f64[3,2], %x: f64[4,3,2], %w: f64[2,2], %v: f64[2,2]) -> f64[3,2], f64[4,3,2], f64[4,3,2] {
  %0, %1, %2 = Scan(%s, %x, %w, %v) {
    body = graph @step(%a: f64[3,2], %e: f64[3,2], %p: f64[2,2], %q: f64[2,2]) -> f64[3,2], f64[3,2], f64[3,2] {
      %3 = MatMul(%e, %p) : f64[3,2]
      %4 = MatMul(%e, %q) : f64[3,2]
      %5 = Add(%a, %e) : f64[3,2]
      return %5, %3, %4
    }, num_captures = 2, num_scan_inputs = 1, scan_output_directions = [1,0]} : f64[3,2], f64[4,3,2], f64[4,3,2]
  return %0, %1, %2
})"},
};

class ControlFlow : public testing::TestWithParam<Case> {};

TEST_P(ControlFlow, AllEnginesAgree) {
  const auto graph = parse_graph(GetParam().text);
  verify(*graph);
  EXPECT_EQ(print(*parse_graph(print(*graph))), print(*graph));
  for (bool flag : {false, true}) expect_engines_agree(*graph, inputs_of(*graph, flag, 3));
}

// The sum of all outputs, each times numbers of its own.
Value* weighted_sum_of_outputs(Graph& g) {
  Value* loss = nullptr;
  for (size_t i = 0; i < g.outputs().size(); ++i) {
    Value* y = g.outputs()[i];
    const auto seed = static_cast<unsigned>(20 + i);
    const Tensor weights = random_tensor(DType::f64, y->type().shape(), 0.5, 1.5, seed);
    Value* term =
        g.make("ReduceSum", {g.make("Mul", {y, g.constant(weights)})}, {{"keepdims", int64_t{0}}});
    loss = loss ? g.make("Add", {loss, term}) : term;
  }
  g.remove_outputs();
  g.add_output(loss, "loss");
  return loss;
}

double loss_with(const Graph& graph, std::vector<Tensor> inputs, size_t k, int64_t i, double by) {
  inputs[k].set_double(i, inputs[k].as_double(i) + by);
  return interpret(graph, inputs)[0].as_double(0);
}

TEST_P(ControlFlow, GradientsMatchCentralDifferences) {
  constexpr double kStep = 1e-6, kTolerance = 1e-7;
  const auto graph = parse_graph(GetParam().text);
  Value* loss = weighted_sum_of_outputs(*graph);
  const auto forward = graph->clone();
  std::vector<Value*> wrt;
  for (const auto& input : graph->inputs())
    if (is_float(input->dtype())) wrt.push_back(input.get());
  for (Value* slope : gradients(*graph, loss, wrt))
    graph->add_output(slope ? slope : graph->constant(Tensor(DType::f64, {0})));
  verify(*graph);
  for (bool flag : {false, true}) {
    const std::vector<Tensor> inputs = inputs_of(*graph, flag, 3);
    const std::vector<Tensor> results = interpret(*graph, inputs);
    for (size_t n = 0; n < wrt.size(); ++n) {
      const auto k = static_cast<size_t>(wrt[n]->index());
      for (int64_t i = 0; i < inputs[k].size(); ++i) {
        const double up = loss_with(*forward, inputs, k, i, kStep),
                     down = loss_with(*forward, inputs, k, i, -kStep);
        const double actual = results[1 + n].size() > 0 ? results[1 + n].as_double(i) : 0;
        EXPECT_NEAR(actual, (up - down) / (2 * kStep), kTolerance) << "input " << k << ", " << i;
      }
    }
    expect_engines_agree(*graph, inputs);
  }
}

INSTANTIATE_TEST_SUITE_P(Graphs, ControlFlow, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

// Doubles the state until it is large, or `trips` times.
const char* const kLoop = R"(graph @g(%trips: i64[], %flag: bool[], %s: f32[2]) -> f32[2] {
  %0 = Loop(%trips, %flag, %s) {
    body = graph @body(%i: i64[], %c: bool[], %a: f32[2]) -> bool[], f32[2] {
      %1 = Add(%a, %a) : f32[2]
      %2 = ReduceMax(%1) {keepdims = 0} : f32[]
      %3 = Constant() {value = f32[] {20.0}} : f32[]
      %4 = Less(%2, %3) : bool[]
      return %4, %1
    }} : f32[2]
  return %0
})";

TEST(Loop, EndsWhenItsDataSaysSo) {
  const auto graph = parse_graph(kLoop);
  verify(*graph);
  for (int64_t trips : {0, 1, 3, 1000})
    for (bool flag : {false, true}) {
      std::vector<Tensor> inputs = inputs_of(*graph, flag, trips);
      inputs[2] = Tensor::of<float>(DType::f32, {2}, {0.75f, 1.5f});
      expect_engines_agree(*graph, inputs);
      const double doubled = !flag ? 1.5 : trips < 4 ? 1.5 * std::pow(2.0, trips) : 24;
      EXPECT_EQ(interpret(*graph, inputs)[0].as_double(1), doubled);
    }
}

TEST(Loop, HasNoGradientWhenDataEndsIt) {
  const auto graph = parse_graph(kLoop);
  Value* loss = graph->make("ReduceSum", {graph->outputs()[0]}, {{"keepdims", int64_t{0}}});
  try {
    gradients(*graph, loss, {graph->inputs()[2].get()});
    FAIL() << "a loop that data ends has no gradient";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("a loop that data ends"), std::string::npos) << e.message();
  }
}

// Weights' gradients are no states, which would be read and written in every trip.
TEST(Scan, MultipliesStacksForTheGradientsOfWeights) {
  const auto states_of_gradient = [](const std::string& name) {
    const Case& given = *std::find_if(std::begin(kCases), std::end(kCases), [&](const Case& c) { return c.name == name; });
    const auto graph = parse_graph(given.text);
    std::vector<Value*> wrt;
    for (const auto& input : graph->inputs()) wrt.push_back(input.get());
    gradients(*graph, weighted_sum_of_outputs(*graph), wrt);
    size_t states = 0;
    for (const auto& node : graph->nodes())
      if (node->is("Scan") && node->region("body")->name() == "step_gradient") states += carried_parts(*node).states;
    return states;
  };
  EXPECT_EQ(states_of_gradient("ScanThatMultipliesByCaptures"), 1u);
  EXPECT_EQ(states_of_gradient("ScanWhoseProductsRunBothWays"), 2u) << "of one product the stacks run in different directions";
}

// Both stacks are given then: no backward Scan is left.
TEST(Scan, HasAGradientWhereOnlyWeightsAreWanted) {
  for (const std::string length : {"4", "0"}) {
    const auto graph = parse_graph("graph @g(%x: f64[" + length + ",3,5], %w: f64[5,2]) -> f64[" + length + R"(,3,2] {
  %0 = Scan(%x, %w) {
    body = graph @step(%e: f64[3,5], %q: f64[5,2]) -> f64[3,2] {
      %1 = MatMul(%e, %q) : f64[3,2]
      return %1
    }, num_captures = 1, num_scan_inputs = 1} : f64[)" + length + R"(,3,2]
  return %0
})");
    Value* loss = weighted_sum_of_outputs(*graph);
    const auto forward = graph->clone();
    graph->add_output(gradients(*graph, loss, {graph->inputs()[1].get()})[0]);
    verify(*graph);
    const std::vector<Tensor> inputs = inputs_of(*graph, false, 0);
    const Tensor slope = interpret(*graph, inputs)[1];
    for (int64_t i = 0; i < slope.size(); ++i)
      EXPECT_NEAR(slope.as_double(i), (loss_with(*forward, inputs, 1, i, 0.5) - loss_with(*forward, inputs, 1, i, -0.5)), 1e-9) << length;
    expect_engines_agree(*graph, inputs);
  }
}

TEST(Scan, RunsOverSequencesOfAnyLength) {
  const auto graph = parse_graph(R"(graph @g(%s: f32[2], %x: f32[n,2]) -> f32[2], f32[n,2] {
  %0, %1 = Scan(%s, %x) {
    body = graph @body(%a: f32[2], %e: f32[2]) -> f32[2], f32[2] {
      %2 = Add(%a, %e) : f32[2]
      return %2, %2
    }, num_scan_inputs = 1, scan_input_directions = [1]} : f32[2], f32[n,2]
  return %0, %1
})");
  for (int64_t length : {0, 1, 5})
    expect_engines_agree(*graph, {random_tensor(DType::f32, {2}, -1, 1, 1),
                                  random_tensor(DType::f32, {length, 2}, -1, 1, 2)});
}

TEST(ControlFlowTypes, TellWhatDoesNotFit) {
  const auto message = [](const char* text) -> std::string {
    try {
      parse_graph(text);
    } catch (const Error& e) {
      return e.message();
    }
    return "";
  };
  EXPECT_NE(message(R"(graph @g(%c: bool[], %x: f32[2]) -> f32[2] {
  %0 = If(%c, %x) {
    else_branch = graph @e(%a: f32[2]) -> f32[] { %1 = ReduceSum(%a) {keepdims = 0} : f32[] return %1 },
    then_branch = graph @t(%a: f32[2]) -> f32[2] { return %a }} : f32[2]
  return %0
})")
                .find("result 0 is f32[2] in one branch and f32[] in the other"),
            std::string::npos);
  EXPECT_NE(message(R"(graph @g(%s: f32[2], %x: f32[3,2]) -> f32[4] {
  %0 = Scan(%s, %x) {num_scan_inputs = 1, body = graph @b(%a: f32[2], %e: f32[2]) -> f32[4] {
    %1 = Concat(%a, %e) {axis = 0} : f32[4]
    return %1
  }} : f32[4]
  return %0
})")
                .find("carried value 0 is f32[2] before and f32[4] after its body"),
            std::string::npos);
}

// Addresses of texts go round and pile up like numbers.
TEST(ControlFlow, StringsAreStatesSlicesAndStackedResults) {
  const auto graph = parse_graph(R"(graph @g(%s: string[2], %x: string[3,2]) -> string[2], string[3,2], bool[3,2] {
  %0, %1, %2 = Scan(%s, %x) {
    body = graph @body(%a: string[2], %e: string[2]) -> string[2], string[2], bool[2] {
      %3 = Equal(%a, %e) : bool[2]
      %4 = Where(%3, %e, %a) : string[2]
      return %e, %4, %3
    }, num_scan_inputs = 1} : string[2], string[3,2], bool[3,2]
  return %0, %1, %2
})");
  expect_engines_agree(*graph, {Tensor::strings({2}, {"a", "b"}), Tensor::strings({3, 2}, {"a", "c", "a", "d", "e", "d"})});
}

TEST(ControlFlow, NoLoopMakesTexts) {
  const auto graph = parse_graph(R"(graph @g(%s: f32[2], %x: f32[3,2]) -> f32[2], string[3,2] {
  %0, %1 = Scan(%s, %x) {
    body = graph @body(%a: f32[2], %e: f32[2]) -> f32[2], string[2] {
      %2 = FormatNumbers(%e) : string[2]
      return %a, %2
    }, num_scan_inputs = 1} : f32[2], string[3,2]
  return %0, %1
})");
  const std::vector<Tensor> inputs = inputs_of(*graph, false, 0);
  EXPECT_EQ(interpret(*graph, inputs)[1].shape(), (Shape{3, 2}));
  try {
    jit_run(*graph, inputs);
    ADD_FAILURE() << "every trip would give the texts of the last one";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("texts of a trip would be overwritten by the next one"), std::string::npos) << e.message();
  }
}

}  // namespace
}  // namespace cnnc

// Convolutions by Winograd's filtering against plain loops in double precision.
#include "codegen/llvm/winograd.h"

#include <gtest/gtest.h>

#include "codegen/target_machine.h"
#include "codegen/winograd_gradients.h"
#include "ir/text.h"
#include "tests/codegen/kernel_problem.h"

namespace cnnc::codegen {
namespace {

// Weights [O][I][9] in panels [panel][9][I][nr]; those of a transposed convolution are its taps backwards.
template <typename T>
std::vector<T> packed_weights(const Problem& p, const std::vector<T>& weights, const WinogradPlan& plan, bool transposed) {
  std::vector<T> packed(static_cast<size_t>(plan.panels * 9 * p.channels * plan.nr()));
  for (int64_t o = 0; o < p.outputs; ++o)
    for (int64_t i = 0; i < p.channels; ++i)
      for (int64_t tap = 0; tap < 9; ++tap)
        packed[static_cast<size_t>(((o / plan.nr() * 9 + tap) * p.channels + i) * plan.nr() + o % plan.nr())] =
            weights[static_cast<size_t>((o * p.channels + i) * 9 + (transposed ? 8 - tap : tap))];
  return packed;
}

template <typename T>
void check(const Problem& p, const std::string& cpu, bool symbolic_batch, bool transposed, std::mt19937& random) {
  const VectorIsa isa = isa_of(cpu);
  ConvolutionSpec fixed = spec_of(p);
  if (transposed)
    for (int i : {1, 2})
      fixed.axes[i].phases = OutputPhases{.positions = fixed.axes[i].output, .taps = 3, .tap_step = -1};
  const WinogradPlan plan = plan_winograd(symbolic(fixed, p, symbolic_batch, nullptr), isa);
  const auto spec = [&](const KernelBody& body) { return symbolic(fixed, p, symbolic_batch, &body); };
  Tensors<T> t = make_tensors<T>(p, random);
  const std::vector<T> packed = packed_weights(p, t.weights, plan, transposed);
  JitKernel kernel(cpu, [&](const KernelBody& body) {
    KernelOperands operands = body.operands();
    if (p.bias) operands.bias = body.argument(3);
    emit_winograd(body.builder, spec(body), plan, isa, operands);
  });
  const auto sizes = sizes_of(p);
  const auto [tasks, bytes] = evaluate_sizes(sizes, [&](const KernelBody& body) {
    const ConvolutionSpec known = spec(body);
    return std::pair<Value*, Value*>(
        emit_winograd_tasks(body.builder, known, plan),
        body.builder.getInt64(static_cast<uint64_t>(winograd_scratch(body.builder, known, plan))));
  });
  run_guarded<T>(kernel.function(), {&t.input, &packed, &t.bias}, t.output, sizes, tasks, bytes);
  expect_reference(p, t);
}

Problem random_problem(std::mt19937& random) {
  Problem p;
  p.batch = pick(random, 1, 5);
  p.channels = pick(random, 1, 40);
  p.outputs = pick(random, 1, 90);
  p.bias = pick(random, 0, 1);
  p.kernel = {1, 3, 3};
  for (int i = 1; i < 3; ++i) {
    p.input[i] = pick(random, 3, 13);
    p.pad_begin[i] = pick(random, 0, 2);
    p.pad_end[i] = pick(random, 0, 2);
  }
  return p;
}

class Winograd : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!machine_has(GetParam())) GTEST_SKIP() << "this machine lacks " << GetParam();
  }
};

TEST_P(Winograd, RandomConvolutionsAreRightOnEveryTask) {
  std::mt19937 random(30);
  for (int i = 0; i < 24 && !HasFatalFailure(); ++i) {
    Problem p = random_problem(random);
    if (i % 6 == 5) p.type = FloatType::f64;
    const bool transposed = i % 3 == 1;
    if (p.type == FloatType::f64) check<double>(p, GetParam(), i % 4 == 1, transposed, random);
    else check<float>(p, GetParam(), i % 2, transposed, random);
  }
}

TEST_P(Winograd, ManyChannelsShareTheTilesAmongTasks) {
  std::mt19937 random(31);
  Problem p;
  p.channels = 256;
  p.outputs = 200;
  p.input = {1, 7, 7};
  p.kernel = {1, 3, 3};
  p.pad_begin = p.pad_end = {0, 1, 1};
  check<float>(p, GetParam(), false, false, random);
}

INSTANTIATE_TEST_SUITE_P(Targets, Winograd, testing::Values("x86-64-v2", "x86-64-v3", "x86-64-v4"),
                         [](const auto& info) { return "v" + info.param.substr(8); });

std::optional<std::string> refusal(Problem p) { return winograd_refusal(spec_of(p), kAvx512); }

TEST(WinogradRefusal, SaysWhyTheDirectSumIsTaken) {
  Problem p{.channels = 64, .outputs = 64, .input = {1, 14, 14}, .kernel = {1, 3, 3}};
  EXPECT_EQ(refusal(p), std::nullopt);
  Problem few = p;
  few.channels = 3;
  EXPECT_EQ(refusal(few), "with so few channels or pixels it is no faster than the direct sum");
  Problem strided = p;
  strided.stride = {1, 2, 2};
  EXPECT_EQ(refusal(strided), "its windows are not 3 x 3 of stride and dilation 1");
  Problem grouped = p;
  grouped.groups = 2;
  EXPECT_EQ(refusal(grouped), "it has groups");
  Problem planar = p;
  planar.planar = true;
  EXPECT_EQ(refusal(planar), "its input channels are not neighbours in memory");
}

TEST(WinogradGradients, TakeThePlaceOfTheDirectSum) {
  Graph graph("gradient");
  const Type x{DType::f64, {2, 9, 8, 32}}, dy{DType::f64, {2, 9, 8, 48}};
  graph.add_output(graph.make("ConvWeightGradient", {graph.add_input(x), graph.add_input(dy)},
                              {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"channels_last", int64_t{1}}}));
  std::mt19937 random(32);
  std::vector<Tensor> inputs;
  for (const Type& type : {x, dy})
    inputs.push_back(Tensor::of(type.dtype, type.shape(), random_values<double>(static_cast<size_t>(element_count(type.shape())), random)));
  const Tensor before = interpret(graph, inputs)[0];
  const TargetSpec target = target_for("x86-64-v3");
  ASSERT_TRUE(winograd_gradients(target).run(graph, MachineTarget(target)));
  ASSERT_EQ(graph.nodes().front()->op_name(), "WinogradWeightGradient") << print(graph);
  const Tensor after = interpret(graph, inputs)[0];
  ASSERT_EQ(after.shape(), before.shape());
  for (int64_t i = 0; i < before.size(); ++i) ASSERT_NEAR(after.data<double>()[i], before.data<double>()[i], 1e-9) << i;
}

}  // namespace
}  // namespace cnnc::codegen

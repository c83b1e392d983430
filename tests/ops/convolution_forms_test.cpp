// Transposed convolutions and gradients of weights in many forms against the interpreter: phases, groups and tiles at the
// end have code of their own.
#include <gtest/gtest.h>

#include <random>

#include "ir/graph.h"
#include "tests/support/compiler/engines.h"
#include "tests/support/examples.h"

namespace cnnc {
namespace {

int64_t pick(std::mt19937& generator, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(generator() % static_cast<uint64_t>(high - low + 1));
}

// One that has results: pads do not reach further than the outputs.
Example random_example(std::mt19937& generator) {
  const int64_t rank = pick(generator, 1, 3), groups = pick(generator, 0, 2) ? 1 : pick(generator, 2, 20);
  const bool depthwise = groups > 1 && pick(generator, 0, 1);
  const int64_t channels = depthwise ? groups : groups * pick(generator, 1, 9), outputs = depthwise ? 1 : pick(generator, 1, 20);
  Shape x{pick(generator, 1, 2)}, w{channels, outputs};
  Ints strides, dilations, begins, ends, extra;
  for (int64_t i = 0; i < rank; ++i) {
    x.push_back(pick(generator, 1, rank == 3 ? 4 : 9));
    w.push_back(pick(generator, 1, rank == 3 ? 3 : 5));
    strides.push_back(pick(generator, 1, 4));
    dilations.push_back(pick(generator, 1, 3));
    const int64_t size = (x.back() - 1) * strides.back() + dilations.back() * (w.back() - 1) + 1;
    begins.push_back(pick(generator, 0, std::min<int64_t>(3, size - 1)));
    ends.push_back(pick(generator, 0, std::min<int64_t>(3, size - 1 - begins.back())));
    extra.push_back(pick(generator, 0, strides.back() - 1));
  }
  x.push_back(channels);
  Ints pads = begins;
  pads.insert(pads.end(), ends.begin(), ends.end());
  Example example;
  example.operands = {random(DType::f32, x), random(DType::f32, w)};
  if (pick(generator, 0, 1)) example.operands.push_back(random(DType::f32, {groups * outputs}));
  example.attributes = {{"strides", strides}, {"dilations", dilations},   {"pads", pads},
                        {"group", groups},    {"output_padding", extra}, {"channels_last", int64_t{1}}};
  return example;
}

// The same bits for any number of threads.
void expect_jit_agrees(const Graph& graph, const std::vector<Tensor>& inputs) {
  SCOPED_TRACE(print(graph));
  JitSettings settings;
  settings.kernels = codegen::Kernels::llvm;
  const std::vector<Tensor> expected = interpret(graph, inputs), alone = jit_run(graph, inputs, settings);
  EXPECT_EQ(difference(expected[0], alone[0], 64), "");
  settings.threads = 3;
  EXPECT_TRUE(jit_run(graph, inputs, settings)[0].identical(alone[0]));
}

TEST(TransposedConvolution, AllFormsAgreeWithTheInterpreter) {
  const OpDef& op = *find_op("ConvTranspose");
  std::mt19937 generator(30);
  for (unsigned i = 0; i < 40 && !testing::Test::HasFailure(); ++i) {
    const ExampleGraph example = example_graph(op, random_example(generator), i);
    expect_jit_agrees(*example.graph, example.inputs);
  }
}

TEST(TransposedConvolution, RunTimeSizesAndEpilogueAgreeWithTheInterpreter) {
  struct Form {
    Ints kernel, strides, pads;
  };
  const Form forms[] = {{{3, 2}, {2, 3}, {1, 0, 0, 1}}, {{2, 2}, {2, 2}, {0, 0, 0, 0}}, {{4, 5}, {1, 2}, {2, 1, 1, 0}}};
  for (const Form& form : forms) {
    Graph graph("main");
    Value* x = graph.add_input({DType::f32, {Dim::symbol("n"), Dim::symbol("h"), Dim::symbol("w"), 5}});
    Value* w = graph.add_input({DType::f32, {5, 18, form.kernel[0], form.kernel[1]}});
    Value* bias = graph.add_input({DType::f32, {18}});
    Value* y = graph.make("ConvTranspose", {x, w},
                          {{"strides", form.strides}, {"pads", form.pads}, {"channels_last", int64_t{1}}});
    graph.add_output(graph.make("Relu", {graph.make("Add", {y, bias})}));
    const Tensor weights = random_tensor(DType::f32, w->type().shape(), -1, 1, 1), added = random_tensor(DType::f32, {18}, -1, 1, 2);
    for (const Shape& shape : {Shape{1, 1, 2, 5}, Shape{2, 5, 40, 5}})
      expect_jit_agrees(graph, {random_tensor(DType::f32, shape, -1, 1, 3), weights, added});
  }
}

Example random_weight_gradient(std::mt19937& generator) {
  const int64_t rank = pick(generator, 1, 3), groups = pick(generator, 0, 2) ? pick(generator, 2, 20) : 1;
  const int64_t per_group = int64_t{1} << pick(generator, 0, 3);
  const int64_t channels = groups == 1 ? pick(generator, 1, 9) : pick(generator, 1, per_group);
  Shape x{pick(generator, 1, 3)}, dy{x[0]};
  Ints kernel, strides, dilations, begins, ends;
  for (int64_t i = 0; i < rank; ++i) {
    kernel.push_back(pick(generator, 1, rank == 3 ? 3 : 7));
    strides.push_back(pick(generator, 1, 3));
    dilations.push_back(pick(generator, 1, 2));
    begins.push_back(pick(generator, 0, 3));
    ends.push_back(pick(generator, 0, 3));
    const int64_t extent = (kernel.back() - 1) * dilations.back() + 1;
    x.push_back(std::max<int64_t>(1, extent - begins.back() - ends.back()) + pick(generator, 0, rank == 3 ? 5 : 12));
    dy.push_back((x.back() + begins.back() + ends.back() - extent) / strides.back() + 1);
  }
  x.push_back(groups * channels);
  dy.push_back(groups == 1 ? pick(generator, 1, 40) : groups * per_group);
  Ints pads = begins;
  pads.insert(pads.end(), ends.begin(), ends.end());
  Example example;
  example.operands = {random(DType::f32, x), random(DType::f32, dy)};
  example.attributes = {{"kernel_shape", kernel}, {"strides", strides}, {"dilations", dilations},
                        {"pads", pads},           {"group", groups},    {"channels_last", int64_t{1}}};
  return example;
}

TEST(WeightGradient, AllFormsAgreeWithTheInterpreter) {
  const OpDef& op = *find_op("ConvWeightGradient");
  std::mt19937 generator(31);
  for (unsigned i = 0; i < 60 && !testing::Test::HasFailure(); ++i) {
    const ExampleGraph example = example_graph(op, random_weight_gradient(generator), i);
    expect_jit_agrees(*example.graph, example.inputs);
  }
}

// A stride of 32, as segmentation networks enlarge their results: phases of one form share their code.
TEST(TransposedConvolution, WideStridesShareTheirCode) {
  Example example;
  example.operands = {random(DType::f32, {1, 3, 4, 6}), random(DType::f32, {6, 6, 64, 64})};
  example.attributes = {{"strides", Ints{32, 32}}, {"pads", Ints{16, 16, 16, 16}}, {"channels_last", int64_t{1}}};
  const ExampleGraph graph = example_graph(*find_op("ConvTranspose"), example, 1);
  expect_jit_agrees(*graph.graph, graph.inputs);
}

}  // namespace
}  // namespace cnnc

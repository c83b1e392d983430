#include "passes/training/training_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ir/error.h"
#include "ir/graph.h"

namespace cnnc {
namespace {

using testing::HasSubstr;

// Dropout of data of such sizes, in training.
std::unique_ptr<Graph> dropped(Dims sizes, double ratio, int outputs = 1) {
  auto graph = std::make_unique<Graph>();
  Value* x = graph->add_input({DType::f32, std::move(sizes)});
  const Node* node = graph->add("Dropout", {x, graph->constant(Tensor::scalar(DType::f32, ratio))}, {}, outputs);
  for (int i = 0; i < outputs; ++i) graph->add_output(node->output(static_cast<size_t>(i)));
  to_training_form(*graph, {}, 7, Convention::keras);
  verify(*graph);
  return graph;
}

bool has(const Graph& graph, const char* op) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(), [&](const auto& node) { return node->is(op); });
}

TEST(TrainingForm, KeepsABitOfWhatDropoutKeepsWhereSamplesComeInEights) {
  EXPECT_TRUE(has(*dropped({16, 5}, 0.25), "DropoutBits"));
  EXPECT_TRUE(has(*dropped({32, 3, 4, 4}, 0.5), "DropoutBits"));
}

TEST(TrainingForm, KeepsAByteElsewhere) {
  for (const Dims& sizes : {Dims{12, 5}, Dims{16}, Dims{Dim::symbol("n"), 5}, Dims{16, Dim::symbol("n")}})
    EXPECT_FALSE(has(*dropped(sizes, 0.25), "DropoutBits"));
  EXPECT_FALSE(has(*dropped({16, 5}, 0.25, 2), "DropoutBits"));  // its mask is an output
}

TEST(TrainingForm, RefusesARatioThatIsNone) {
  for (const double ratio : {-0.5, 1.5, std::nan("")})
    EXPECT_THAT([&] { dropped({16, 5}, ratio); }, testing::ThrowsMessage<Error>(HasSubstr("its ratio is ")));
}

}  // namespace
}  // namespace cnnc

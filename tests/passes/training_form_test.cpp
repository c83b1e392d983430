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

TEST(TrainingForm, KeepsABitOfWhatDropoutKeeps) {
  for (const Dims& sizes : {Dims{16, 5}, Dims{12, 3, 4, 4}, Dims{7}, Dims{}, Dims{Dim::symbol("n"), 5}})
    EXPECT_TRUE(has(*dropped(sizes, 0.25), "DropoutBits"));
}

TEST(TrainingForm, GivesTheMaskThatDropoutUses) {
  const auto graph = dropped({37, 11}, 0.25, 2);
  Tensor x(DType::f32, {37, 11});
  for (int64_t i = 0; i < x.size(); ++i) x.set_double(i, 1);
  const std::vector<Tensor> results = interpret(*graph, {x, Tensor::scalar(DType::i64, 4)});
  int64_t kept = 0;
  for (int64_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(results[0].as_double(i) != 0, results[1].as_int(i) != 0) << i;
    kept += results[1].as_int(i);
  }
  EXPECT_NEAR(static_cast<double>(kept) / static_cast<double>(x.size()), 0.75, 0.08);
}

TEST(TrainingForm, RefusesARatioThatIsNone) {
  for (const double ratio : {-0.5, 1.5, std::nan("")})
    EXPECT_THAT([&] { dropped({16, 5}, ratio); }, testing::ThrowsMessage<Error>(HasSubstr("its ratio is ")));
}

}  // namespace
}  // namespace cnnc

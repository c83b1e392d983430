// Inputs that do not fit a symbolic model are refused by name, whatever became of the node that asks for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "ir/error.h"
#include "tests/support/compiler/engines.h"

namespace cnnc {
namespace {

using testing::HasSubstr;

const Dim n = Dim::symbol("n"), m = Dim::symbol("m");

struct MisfitCase {
  const char* name;
  std::vector<Type> inputs;
  std::function<Value*(Graph&, const std::vector<Value*>&)> build;
  std::vector<Shape> fitting, misfitting;
  const char* message;
};

Value* weights(Graph& g, Shape shape) { return g.constant(Tensor(DType::f32, std::move(shape))); }
Value* ints(Graph& g, const Ints& values) { return g.constant(Tensor::ints(values)); }

const std::vector<MisfitCase>& cases() {
  static const std::vector<MisfitCase> all = {
      {"ConvSpatialSize", {{DType::f32, {1, 3, n, n}}},
       [](Graph& g, const auto& x) { return g.make("Conv", {x[0], weights(g, {2, 3, 5, 5})}); },
       {{1, 3, 5, 5}}, {{1, 3, 2, 2}}, "is not negative"},
      {"MatMulBatches", {{DType::f32, {n, 2, 4}}, {DType::f32, {m, 4, 3}}},
       [](Graph& g, const auto& x) { return g.make("MatMul", {x[0], x[1]}); },
       {{2, 2, 4}, {2, 4, 3}}, {{2, 2, 4}, {3, 4, 3}}, "(MatMul): "},
      {"BiasOfAGemm", {{DType::f32, {n, 4}}, {DType::f32, {m, 3}}},
       [](Graph& g, const auto& x) { return g.make("Gemm", {x[0], weights(g, {4, 3}), x[1]}); },
       {{2, 4}, {2, 3}}, {{2, 4}, {3, 3}}, "(Gemm): "},
      {"ShapeOfAConcat", {{DType::f32, {n, 4}}, {DType::f32, {m, 4}}},
       [](Graph& g, const auto& x) { return g.make("Shape", {g.make("Concat", {x[0], x[1]}, {{"axis", 1}})}); },
       {{2, 4}, {2, 4}}, {{2, 4}, {3, 4}}, "(Concat): n = m"},
      {"ReshapeToFixedSize", {{DType::f32, {n, 4}}},
       [](Graph& g, const auto& x) { return g.make("Relu", {g.make("Reshape", {x[0], ints(g, {2, 6})})}); },
       {{3, 4}}, {{4, 4}}, "(Reshape): "},
      {"ReshapeAndBack", {{DType::f32, {n, 4}}},
       [](Graph& g, const auto& x) {
         return g.make("Reshape", {g.make("Reshape", {x[0], ints(g, {-1, 3})}), ints(g, {-1, 4})});
       },
       {{3, 4}}, {{2, 4}}, "(Reshape): "},
      {"Broadcasting", {{DType::f32, {n, 4}}, {DType::f32, {m, 4}}},
       [](Graph& g, const auto& x) { return g.make("Add", {x[0], x[1]}); },
       {{2, 4}, {2, 4}}, {{2, 4}, {3, 4}}, "(Add): "},
      {"ConstantIndexOutOfRange", {{DType::f32, {n, 4}}},
       [](Graph& g, const auto& x) { return g.make("Gather", {x[0], ints(g, {0, 5})}); },
       {{6, 4}}, {{5, 4}}, "(Gather): index 5 lies inside an axis of n"},
      {"ConstantNegativeIndexOutOfRange", {{DType::f32, {n, 4}}},
       [](Graph& g, const auto& x) { return g.make("Gather", {x[0], ints(g, {-3})}); },
       {{3, 4}}, {{2, 4}}, "(Gather): index -3 lies inside an axis of n"},
      {"ElementsOfATopK", {{DType::f32, {2, n}}},
       [](Graph& g, const auto& x) { return g.add("TopK", {x[0], ints(g, {3})}, {}, 2)->output(0); },
       {{2, 3}}, {{2, 2}}, "(TopK): K, which is 3, is at most the n elements of the axis"},
      {"PartsOfASplit", {{DType::f32, {n, 4}}},
       [](Graph& g, const auto& x) {
         return g.add("Split", {x[0], ints(g, {2, 3})}, {{"axis", 0}}, 2)->output(0);
       },
       {{5, 4}}, {{6, 4}}, "(Split): n = 5"},
  };
  return all;
}

class Misfits : public testing::TestWithParam<MisfitCase> {
 protected:
  static std::vector<Tensor> tensors(const std::vector<Shape>& shapes) {
    std::vector<Tensor> result;
    for (const Shape& shape : shapes) result.emplace_back(DType::f32, shape);
    return result;
  }
};

TEST_P(Misfits, AreRefusedByEveryEngineThatTakesWhatFits) {
  const MisfitCase& test = GetParam();
  Graph graph;
  std::vector<Value*> inputs;
  for (const Type& type : test.inputs) inputs.push_back(graph.add_input(type));
  graph.set_current_origins({"the_node"});
  graph.add_output(test.build(graph, inputs));
  for (const Engine& engine : engines()) {
    SCOPED_TRACE(engine.name);
    EXPECT_NO_THROW(engine.run(graph, tensors(test.fitting)));
    try {
      engine.run(graph, tensors(test.misfitting));
      ADD_FAILURE() << "computes what does not fit";
    } catch (const Error& e) {
      EXPECT_THAT(e.message(), HasSubstr("these inputs do not fit each other, the model needs node 'the_node'"));
      EXPECT_THAT(e.message(), HasSubstr(test.message));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Graphs, Misfits, testing::ValuesIn(cases()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace cnnc

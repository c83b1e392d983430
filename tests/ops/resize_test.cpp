#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/one_node.h"

namespace cnnc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Resize, InterpolatesBetweenCentres) {
  const auto y = run_op("Resize", {counting({1, 1, 2})},
                        {{"mode", std::string("linear")}, {"scales", Floats{1, 1, 2}}});
  EXPECT_THAT(floats_of(y[0]), ElementsAre(1, 1.25f, 1.75f, 2));
}

TEST(Resize, MultipliesSymbolicSizesByFractions) {
  EXPECT_EQ(inferred("Resize", {{"n", "3", "h", "w"}}, {{"scales", Floats{1, 1, 2, 1.5}}}),
            "f32[n,3,h*2,floordiv(w*3, 2)]");
  EXPECT_THAT(fault_of("Resize", {{"n", "h"}}, {{"scales", Floats{1, 1.2345}}}),
              HasSubstr("--dim"));
}

TEST(Resize, SaysWhatDoesNotFit) {
  EXPECT_THAT(fault_of("Resize", {{"1", "8"}}), HasSubstr("has neither scales nor sizes"));
  EXPECT_THAT(fault_of("Resize", {{"1", "8"}}, {{"scales", Floats{2}}}),
              HasSubstr("scales has 1 numbers, need 2"));
  EXPECT_THAT(
      fault_of("Resize", {{"1", "8"}}, {{"scales", Floats{1, 2}}, {"mode", std::string("area")}}),
      HasSubstr("mode is 'area', need nearest, linear or cubic"));
}

TEST(Upsample, TakesItsOldestForm) {
  Graph graph;
  OnnxNode old{"Upsample",
               {graph.add_input({DType::f32, {1, 1, 1, 2}})},
               {{"height_scale", 1.0}, {"width_scale", 2.0}, {"mode", std::string("bilinear")}},
               1,
               1,
               graph};
  for (const auto& [last, upgrade] : op_named("Upsample").upgrades()) upgrade(old);
  graph.add_output(graph.make(old.op, old.inputs, old.attributes));
  EXPECT_THAT(floats_of(interpret(graph, {counting({1, 1, 1, 2})})[0]), ElementsAre(1, 1.5f, 2, 2));
}

}  // namespace
}  // namespace cnnc

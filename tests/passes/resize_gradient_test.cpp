// What the gradient of Resize is made of, and that it adds up the same as the whole matrix does.
#include <gtest/gtest.h>

#include <algorithm>

#include "ir/op_def.h"
#include "passes/autodiff/gradients.h"
#include "tests/support/examples.h"

namespace cnnc {
namespace {

// The gradient of sum(dy * Resize(x)) with respect to x.
struct ResizeGradient {
  ResizeGradient(const Dims& x, const Dims& sizes, const Attributes& attributes) {
    Value* input = graph.add_input({DType::f64, x}, "x");
    std::vector<Value*> operands{input};
    if (!sizes.empty()) {
      Ints numbers;
      for (const Dim& d : sizes) numbers.push_back(d.value());
      operands.push_back(graph.constant(Tensor::ints(numbers)));
    }
    Value* y = graph.make("Resize", operands, attributes);
    Value* dy = graph.add_input(y->type(), "dy");
    Value* loss = graph.make("ReduceSum", {graph.make("Mul", {y, dy})}, {{"keepdims", int64_t{0}}});
    graph.add_output(y);
    graph.add_output(gradients(graph, loss, {input})[0]);
  }

  int count(std::string_view op) const {
    return static_cast<int>(std::count_if(graph.nodes().begin(), graph.nodes().end(),
                                          [&](const auto& node) { return node->is(op); }));
  }

  Graph graph;
};

Attributes mode(const char* name, const char* coordinates, Attributes others = {}) {
  others["mode"] = std::string(name);
  others["coordinate_transformation_mode"] = std::string(coordinates);
  return others;
}

const std::vector<const char*> kCoordinates = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric",
                                               "align_corners"};
const Floats kScales = {2, 3, 0.5, 1.5, 0.75, 2.25, 1.125, 0.25};

// The same with sizes that are not known, where the gradient is the product with the whole matrix.
void expect_as_by_the_matrix(int64_t size, Attributes attributes) {
  const ResizeGradient known({2, size, 3}, {}, attributes), unknown({2, Dim::symbol("h"), 3}, {}, attributes);
  ASSERT_EQ(unknown.count("ResizeMatrix"), 1) << print(unknown.graph);
  const Tensor x = random_tensor(DType::f64, {2, size, 3}, -1, 1, 1);
  const Tensor dy = random_tensor(DType::f64, known.graph.outputs()[0]->type().shape(), -1, 1, 2);
  const Tensor expected = interpret(unknown.graph, {x, dy})[1], actual = interpret(known.graph, {x, dy})[1];
  EXPECT_EQ(difference(expected, actual, 64), "") << print(known.graph);
}

TEST(ResizeGradient, IsThatOfTheWholeMatrix) {
  for (const char* coordinates : kCoordinates) {
    for (const double scale : kScales) {
      for (const int64_t size : {4, 8, 16}) {
        const Attributes scales = {{"axes", Ints{1}}, {"scales", Floats{scale}}};
        for (const char* interpolation : {"linear", "cubic"}) {
          SCOPED_TRACE(cat(interpolation, " ", coordinates, " ", size, " times ", scale));
          Attributes attributes = mode(interpolation, coordinates, scales);
          expect_as_by_the_matrix(size, attributes);
          attributes["exclude_outside"] = int64_t{1};
          expect_as_by_the_matrix(size, attributes);
          attributes["antialias"] = int64_t{1};
          expect_as_by_the_matrix(size, attributes);
        }
      }
    }
  }
}

// Where nearest elements make no windows, sizes that are not known need the matrix too.
TEST(ResizeGradient, OfNearestElementsIsThatOfTheWholeMatrix) {
  for (const char* coordinates : kCoordinates) {
    for (const double scale : {0.5, 1.5, 0.75, 2.25, 1.125}) {
      for (const char* nearest : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) {
        SCOPED_TRACE(cat(nearest, " ", coordinates, " times ", scale));
        expect_as_by_the_matrix(16, mode("nearest", coordinates,
                                         {{"axes", Ints{1}}, {"scales", Floats{scale}}, {"nearest_mode", std::string(nearest)}}));
      }
    }
  }
}

TEST(ResizeGradient, OfARegionIsThatOfTheWholeMatrix) {
  for (const char* interpolation : {"nearest", "linear", "cubic"}) {
    for (const Floats& roi : {Floats{0.2, 0.8}, Floats{-0.3, 1.2}, Floats{0.9, 0.1}}) {
      SCOPED_TRACE(cat(interpolation, " ", roi[0], " to ", roi[1]));
      expect_as_by_the_matrix(16, mode(interpolation, "tf_crop_and_resize",
                                       {{"axes", Ints{1}}, {"scales", Floats{2}}, {"roi", roi}}));
    }
  }
}

TEST(ResizeGradient, AddsUpFewElementsWhereSizesAreKnown) {
  for (const auto& [size, result, run] : std::vector<std::array<int64_t, 3>>{{64, 128, 4}, {64, 32, 1}, {33, 64, 4}, {64, 16, 1}}) {
    const ResizeGradient linear({1, 2, size, size}, {result, result}, mode("linear", "half_pixel", {{"axes", Ints{2, 3}}}));
    EXPECT_EQ(linear.count("ResizeMatrix"), 0);
    ASSERT_EQ(linear.count("BandedProduct"), 2) << print(linear.graph);
    for (const auto& node : linear.graph.nodes()) {
      if (!node->is("BandedProduct")) continue;
      EXPECT_LE(node->input(2)->dim(1).value(), run) << size << " to " << result;
    }
  }
  const ResizeGradient batch({Dim::symbol("n"), 2, 8, 8}, {}, mode("cubic", "half_pixel", {{"scales", Floats{1, 1, 2, 2}}}));
  EXPECT_EQ(batch.count("BandedProduct"), 2) << print(batch.graph);
}

TEST(ResizeGradient, OfRepeatedElementsIsTheirSum) {
  const Dim n = Dim::symbol("n"), h = Dim::symbol("h");
  for (const char* coordinates : {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric"}) {
    for (const char* nearest : {"floor", "round_prefer_floor"}) {
      const bool repeats = std::string(coordinates) == "asymmetric" ? std::string(nearest) == "floor" : std::string(nearest) != "floor";
      for (const Dims& x : {Dims{1, 2, 6, 5}, Dims{n, 2, h, 5}, Dims{n, 2, Dim::floor_div(h + 1, 2), 5}}) {
        const ResizeGradient g(x, {}, mode("nearest", coordinates,
                                           {{"scales", Floats{1, 1, 3, 3}}, {"nearest_mode", std::string(nearest)}}));
        EXPECT_EQ(g.count("WindowSums"), repeats ? 2 : 0) << print(g.graph);
      }
    }
  }
}

TEST(ResizeGradient, OfWindowsTakesSizesOfARun) {
  const Dim h = Dim::symbol("h");
  const Attributes attributes = mode("nearest", "asymmetric", {{"axes", Ints{1}}, {"scales", Floats{2}}, {"nearest_mode", std::string("floor")}});
  const ResizeGradient g({1, h}, {}, attributes);
  const Tensor x = random_tensor(DType::f64, {1, 3}, -1, 1, 1);
  const Tensor dy = Tensor::of<double>(DType::f64, {1, 6}, {1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(interpret(g.graph, {x, dy})[1].identical(Tensor::of<double>(DType::f64, {1, 3}, {3, 7, 11})));
}

// ---- <dy, R x> = <R' dy, x> for every x is what makes it the gradient.

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (int64_t i = 0; i < a.size(); ++i) sum += a.as_double(i) * b.as_double(i);
  return sum;
}

TEST(ResizeGradient, IsTheTransposedMap) {
  for (const char* coordinates : kCoordinates) {
    for (const double scale : kScales) {
      for (const char* interpolation : {"nearest", "linear", "cubic"}) {
        SCOPED_TRACE(cat(interpolation, " ", coordinates, " ", scale));
        const ResizeGradient g({2, 12, 8}, {}, mode(interpolation, coordinates, {{"scales", Floats{1, scale, 1.5}}}));
        const Tensor dy = random_tensor(DType::f64, g.graph.outputs()[0]->type().shape(), -1, 1, 2);
        for (unsigned seed = 0; seed < 4; ++seed) {
          const Tensor x = random_tensor(DType::f64, {2, 12, 8}, -1, 1, 10 + seed);
          const std::vector<Tensor> results = interpret(g.graph, {x, dy});
          EXPECT_NEAR(dot(dy, results[0]), dot(results[1], x), 1e-12 * static_cast<double>(dy.size()));
        }
      }
    }
  }
}

}  // namespace
}  // namespace cnnc

// Types of a model's inputs: symbols, sizes that the user gives, faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/error.h"
#include "tests/frontend/onnx_text.h"

namespace cnnc {
namespace {

using ::testing::HasSubstr;

const char* kModel =
    "g (float[batch, 3, side, side] x, float[?, batch] other) => (float[] y) { y = Relu(x) z = "
    "Relu(other) }";

TEST(ImportInputs, MakesSymbols) {
  const auto graph = import_model(onnx_model(kModel));
  EXPECT_EQ(graph->inputs()[0]->type().str(), "f32[batch,3,side,side]");
  EXPECT_EQ(graph->inputs()[1]->type().str(), "f32[other_0,batch]");
}

TEST(ImportInputs, BindsSymbols) {
  ImportOptions options;
  options.dims = {{"batch", 4}};
  EXPECT_EQ(import_model(onnx_model(kModel), options)->outputs()[0]->type().str(),
            "f32[4,3,side,side]");
}

TEST(ImportInputs, ShapeBindsItsSymbolsEverywhere) {
  ImportOptions options;
  options.shapes = {{"x", {2, 3, 8, -1}}};
  const auto graph = import_model(onnx_model(kModel), options);
  EXPECT_EQ(graph->inputs()[0]->type().str(), "f32[2,3,8,8]");
  EXPECT_EQ(graph->inputs()[1]->type().str(), "f32[other_0,2]");
}

TEST(ImportInputs, ExplainsOptionsThatDoNotFit) {
  const auto error = [](std::map<std::string, Dim> dims, std::map<std::string, Shape> shapes) {
    ImportOptions options;
    options.dims = std::move(dims);
    options.shapes = std::move(shapes);
    try {
      import_model(onnx_model(kModel), options);
    } catch (const Error& e) {
      EXPECT_EQ(e.fault(), Fault::usage);
      return e.message();
    }
    return std::string("imported");
  };
  EXPECT_EQ(error({{"N", 1}}, {}),
            "test.onnx: no size is called 'N'; the model has 'batch', 'other_0', 'side'");
  EXPECT_EQ(error({{"batch", -3}}, {}), "test.onnx: the size -3 for 'batch' is negative");
  EXPECT_EQ(error({}, {{"z", {1}}}),
            "test.onnx: no input is called 'z'; the model has 'other', 'x'");
  EXPECT_THAT(error({}, {{"x", {1, 3}}}), HasSubstr("the shape 1x3 for input 'x' has 2 axes"));
  EXPECT_THAT(error({}, {{"x", {1, 4, 8, 8}}}), HasSubstr("fixes axis 1 to 3"));
  EXPECT_THAT(error({}, {{"x", {1, 3, 8, 9}}}), HasSubstr("makes side 9, but it is already 8"));
  EXPECT_THAT(error({{"batch", 2}}, {{"x", {1, 3, 8, 8}}}),
              HasSubstr("makes batch 1, but it is already 2"));
}

TEST(ImportInputs, ShapeReplacesAMissingOne) {
  auto model = onnx_model("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  EXPECT_EQ(import_error(model), "test.onnx: input 'x' has no shape; give one with --shape");
  ImportOptions options;
  options.shapes = {{"x", {5, -1}}};
  EXPECT_EQ(import_model(model, options)->inputs()[0]->type().str(), "f32[5,x_1]");
}

TEST(ImportInputs, KnownValuesDecideShapes) {
  const auto model =
      onnx_model("g (float[N] x, int64[2] shape) => (float[] y) { y = Reshape(x, shape) }");
  EXPECT_THAT(import_error(model), HasSubstr("node 'Reshape:y' (Reshape)"));
  ImportOptions options;
  options.values = {{"shape", Tensor::ints({2, 3})}};
  const auto graph = import_model(model, options);
  EXPECT_EQ(graph->inputs().size(), 2u);
  EXPECT_EQ(graph->outputs()[0]->type().str(), "f32[2,3]");
  options.values = {{"shape", Tensor::scalar(DType::f32, 1)}};
  EXPECT_THAT(import_error(model, options), HasSubstr("has 0 axes, the model has i64[2]"));
  options.values = {{"shape", Tensor(DType::i32, {2})}};
  EXPECT_EQ(import_error(model, options),
            "test.onnx: the value for input 'shape' is i32[2], need i64[2]");
}

TEST(ImportInputs, RefusesBadTypes) {
  auto model = onnx_model("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  auto& type = *model.mutable_graph()->mutable_input(0)->mutable_type();
  type.mutable_tensor_type()->mutable_shape()->mutable_dim(0)->set_dim_value(-5);
  EXPECT_EQ(import_error(model), "test.onnx: input 'x': axis 0 has the size -5");
  type.mutable_tensor_type()->set_elem_type(77);
  EXPECT_EQ(import_error(model),
            "test.onnx: input 'x' has the element type number 77, which is not supported");
  type.mutable_sequence_type();
  EXPECT_EQ(import_error(model), "test.onnx: input 'x' is a sequence; only tensors are supported");
  model.mutable_graph()->mutable_input(0)->clear_type();
  EXPECT_EQ(import_error(model), "test.onnx: input 'x' has no type");
}

TEST(ImportInputs, AcceptsScalarsAndEmptyTensors) {
  EXPECT_EQ(
      import_model(
          onnx_model(
              "g (float x, float[0, 3] e) => (float y, float[0, 3] z) { y = Relu(x) z = Relu(e) }"))
          ->outputs()[1]
          ->type()
          .str(),
      "f32[0,3]");
}

TEST(ImportInputs, LimitsAxes) {
  auto model = onnx_model("g (float[2] x) => (float[2] y) { y = Relu(x) }");
  auto& shape = *model.mutable_graph()
                     ->mutable_input(0)
                     ->mutable_type()
                     ->mutable_tensor_type()
                     ->mutable_shape();
  while (shape.dim_size() < 1000) shape.add_dim()->set_dim_value(1);
  EXPECT_EQ(import_error(model), "test.onnx: input 'x' has 1000 axes, the limit is 64");
}

}  // namespace
}  // namespace cnnc

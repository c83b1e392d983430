// Shapes that hold symbols: what inference makes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/op_def.h"

namespace cnnc {
namespace {

const Dim kBatch = Dim::symbol("batch");

class SymbolicShape : public testing::Test {
 protected:
  Value* input(Dims dims, DType dtype = DType::f32) {
    return graph_.add_input({dtype, std::move(dims)});
  }
  Value* ints(const Ints& values) { return graph_.constant(Tensor::ints(values)); }
  std::string type_of(std::string_view op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return graph_.make(op, std::move(inputs), std::move(attributes))->type().str();
  }
  std::string error_of(std::string_view op, std::vector<Value*> inputs,
                       Attributes attributes = {}) {
    try {
      graph_.make(op, std::move(inputs), std::move(attributes));
    } catch (const Error& e) {
      return e.message();
    }
    return "no error";
  }
  Graph graph_;
};

TEST_F(SymbolicShape, ReshapeKeepsTheBatch) {
  Value* x = input({kBatch, 3, 4});
  EXPECT_EQ(type_of("Reshape", {x, ints({-1, 12})}), "f32[batch,12]");
  EXPECT_EQ(type_of("Reshape", {x, ints({0, -1})}), "f32[batch,12]");
  EXPECT_EQ(type_of("Flatten", {x}), "f32[batch,12]");
}

TEST_F(SymbolicShape, ReshapeTakesSizesThatShapeComputed) {
  Value* x = input({kBatch, 3, 4});
  Value* batch = graph_.make("Gather", {graph_.make("Shape", {x}), ints({0})});
  Value* shape = graph_.make("Concat", {batch, ints({-1})}, {{"axis", 0}});
  EXPECT_EQ(type_of("Reshape", {x, shape}), "f32[batch,12]");
}

TEST_F(SymbolicShape, SizesSurviveArithmetic) {
  Value* x = input({kBatch, 8});
  Value* shape = graph_.make("Cast", {graph_.make("Shape", {x})}, {{"to", DType::i32}});
  Value* half =
      graph_.make("Div", {shape, graph_.constant(Tensor::of<int32_t>(DType::i32, {2}, {1, 2}))});
  Value* doubled =
      graph_.make("Mul", {half, graph_.constant(Tensor::of<int32_t>(DType::i32, {}, {2}))});
  Value* sizes = graph_.make("Cast", {doubled}, {{"to", DType::i64}});
  EXPECT_EQ(type_of("ConstantOfShape", {sizes}), "f32[batch*2,8]");
}

TEST_F(SymbolicShape, SliceToTheEndKeepsTheSize) {
  Value* x = input({kBatch, 10});
  EXPECT_EQ(type_of("Slice", {x, ints({0}), ints({INT64_MAX}), ints({0})}), "f32[batch,10]");
  EXPECT_EQ(type_of("Slice", {x, ints({-3}), ints({INT64_MAX}), ints({1})}), "f32[batch,3]");
  EXPECT_EQ(type_of("Slice", {x, ints({-1}), ints({INT64_MIN}), ints({1}), ints({-1})}),
            "f32[batch,10]");
}

TEST_F(SymbolicShape, MovementFollowsTheBatch) {
  Value* x = input({kBatch, 4, 6});
  EXPECT_EQ(type_of("Transpose", {x}), "f32[6,4,batch]");
  EXPECT_EQ(type_of("Concat", {x, x}, {{"axis", 0}}), "f32[batch*2,4,6]");
  EXPECT_EQ(type_of("Tile", {x, ints({2, 1, 1})}), "f32[batch*2,4,6]");
  EXPECT_EQ(type_of("Pad", {x, ints({1, 0, 0, 2, 0, 0})}), "f32[batch + 3,4,6]");
  EXPECT_EQ(type_of("ReduceMean", {x, ints({-1})}), "f32[batch,4,1]");
  EXPECT_EQ(type_of("Expand", {x, ints({1, 4, 6})}), "f32[batch,4,6]");
}

TEST_F(SymbolicShape, ErrorsSayWhatWasFoundAndNeeded) {
  using testing::HasSubstr;
  Value* x = input({2, 3});
  EXPECT_THAT(error_of("Reshape", {x, ints({4, 2})}),
              HasSubstr("f32[2,3] with 6 elements to f32[4,2]"));
  EXPECT_THAT(error_of("Reshape", {x, ints({4, -1})}), HasSubstr("the given sizes make 4"));
  EXPECT_THAT(error_of("Add", {x, input({4})}), HasSubstr("f32[2,3] and f32[4] do not broadcast"));
  EXPECT_THAT(error_of("Transpose", {x}, {{"perm", Ints{0}}}), HasSubstr("perm has 1 axes"));
  EXPECT_THAT(error_of("Gather", {x, input({1}, DType::i64)}, {{"axis", 2}}),
              HasSubstr("axis 2 is out of range"));
  EXPECT_THAT(error_of("Reshape", {x, input({2}, DType::i64)}),
              HasSubstr("known only while the model runs"));
  EXPECT_THAT(error_of("PRelu", {x, input({4, 2, 3})}),
              HasSubstr("does not broadcast to f32[2,3]"));
}

TEST_F(SymbolicShape, OldFormsAreUpgraded) {
  const auto upgraded = [&](OnnxNode node) {
    for (const auto& [last, fn] : op_named(node.op).upgrades())
      if (node.opset <= last) fn(node);
    return graph_.make(node.op, node.inputs, node.attributes)->type().str();
  };
  Value* x = input({2, 3, 4});
  EXPECT_EQ(upgraded({"Add", {x, input({3})}, {{"broadcast", 1}, {"axis", 1}}, 1, 6, graph_}),
            "f32[2,3,4]");
  EXPECT_EQ(upgraded({"ReduceSum", {x}, {{"axes", Ints{1}}}, 1, 11, graph_}), "f32[2,1,4]");
  EXPECT_EQ(upgraded({"Slice",
                      {x},
                      {{"starts", Ints{1}}, {"ends", Ints{3}}, {"axes", Ints{2}}},
                      1,
                      1,
                      graph_}),
            "f32[2,3,2]");
  EXPECT_EQ(upgraded({"Cast", {x}, {{"to", int64_t{7}}}, 1, 9, graph_}), "i64[2,3,4]");
  EXPECT_EQ(upgraded({"Cast", {x}, {{"to", "DOUBLE"}}, 1, 1, graph_}), "f64[2,3,4]");
  EXPECT_EQ(upgraded({"PRelu", {x, input({3})}, {}, 1, 6, graph_}), "f32[2,3,4]");
  EXPECT_EQ(upgraded({"Clip", {x}, {{"max", 6.0}}, 1, 6, graph_}), "f32[2,3,4]");
  EXPECT_EQ(upgraded({"Constant", {}, {{"value_ints", Ints{1, 2}}}, 1, 13, graph_}), "i64[2]");
}

}  // namespace
}  // namespace cnnc

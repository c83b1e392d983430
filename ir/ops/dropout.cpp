// Dropout.
#include "ir/op_def.h"

namespace cnnc {
namespace {

bool drops_nothing(const OpContext& c) {
  const Tensor* ratio = c.has(1) ? c.node().input(1)->constant() : nullptr;
  return ratio != nullptr && ratio->raw() != nullptr && ratio->size() == 1 && ratio->as_double(0) == 0;
}

std::vector<Type> dropout_type(const OpContext& c) {
  const bool training = c.has(2) && c.need_ints(2) != Ints{0};
  c.require(!training || drops_nothing(c), "training_mode with a ratio other than 0 needs random numbers, which are not "
            "supported; export the model for inference");
  return {c.type(), {DType::boolean, c.dims()}};
}

std::vector<Value*> dropout_parts(const Node& node, Graph& g) {
  Value* data = node.input(0);
  std::vector<Value*> results{g.make("Identity", {data})};
  if (node.output_count() < 2) return results;
  Tensor kept(DType::boolean, {1});
  kept.set_int(0, 1);
  results.push_back(g.make("ConstantOfShape", {g.make("Shape", {data})}, {{"value", std::move(kept)}}));
  return results;
}

CNNC_OP(Dropout)
    .doc("Passes the data on, with a mask of what it kept: everything, for dropping elements belongs to training.")
    .onnx({1, 6, 7, 10, 12, 13, 22})
    // Before opset 7 the attribute is_test said it; ONNX later made it the only meaning without training_mode.
    .onnx_upgrade(6, [](OnnxNode& n) {
      n.take("is_test");
      n.take("consumed_inputs");
    })
    .onnx_upgrade(11, [](OnnxNode& n) { n.take("ratio"); })
    .input("data", kFloatTypes)
    .optional_input("ratio", kFloatTypes, "T1")
    .optional_input("training_mode", kBoolType, "T2")
    .output("output")
    .optional_output("mask")
    .optional_attribute("seed", int64_t{0})
    .infer(dropout_type)
    .decompose(dropout_parts)
    .example({random(DType::f32, {2, 3})}, {}, 1)
    .example({random(DType::f16, {2, 3, 4}), given(Tensor::scalar(DType::f32, 0.25))}, {}, 2)
    .example({random(DType::f32, {2}), given(Tensor::scalar(DType::f32, 0)), given(Tensor::of<char>(DType::boolean, {}, {1}))},
             {}, 2);

}  // namespace
}  // namespace cnnc

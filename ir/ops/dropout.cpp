// Dropout.
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {

std::vector<Type> dropout_type(const OpContext& c) {
  c.require(!c.has(2) || c.need_ints(2) == Ints{0},
            "training_mode needs random numbers, which inference does not have; export the model for inference");
  return {c.type(), {DType::boolean, c.dims()}};
}

// Training that drops nothing is inference.
void forget_training_mode(OnnxNode& n) {
  const Value* value = n.inputs.size() == 3 ? n.inputs[1] : nullptr;
  const std::optional<Tensor> ratio = value ? constant_value(*value) : std::nullopt;
  const bool drops_nothing = ratio && ratio->size() == 1 && ratio->as_double(0) == 0;
  if (n.inputs.size() == 3 && (n.for_training || drops_nothing)) n.inputs.resize(2);
}

std::vector<Value*> dropout_parts(const Node& node, Graph& g) {
  Value* data = node.input(0);
  std::vector<Value*> results{g.make("Identity", {data})};
  if (node.output_count() < 2) return results;
  Tensor kept(DType::boolean, {1});
  kept.set_int(0, 1);
  results.push_back(
      g.make("ConstantOfShape", {g.make("Shape", {data})}, {{"value", std::move(kept)}}));
  return results;
}

const DTypes kPassedTypes{DType::f32,      DType::f64,        DType::f16,    DType::bf16,
                          DType::f8e4m3fn, DType::f8e4m3fnuz, DType::f8e5m2, DType::f8e5m2fnuz};

CNNC_OP(Dropout)
    .doc(
        "Passes the data on, with a mask of what it kept: everything, for dropping elements "
        "belongs to training.")
    .onnx({1, 6, 7, 10, 12, 13, 22})
    // Before opset 7 the attribute is_test said it; ONNX later made it the only meaning without
    // training_mode.
    .onnx_upgrade(6,
                  [](OnnxNode& n) {
                    n.take("is_test");
                    n.take("consumed_inputs");
                  })
    .onnx_upgrade(11, [](OnnxNode& n) { n.attribute_to_input("ratio", 1); })
    .onnx_upgrade(kEveryOpset, forget_training_mode)
    .input("data", kPassedTypes)
    .optional_input("ratio", kPassedTypes, "T1")
    .optional_input("training_mode", kBoolType, "T2")
    .output("output")
    .optional_output("mask")
    .optional_attribute("seed", int64_t{0})
    .infer(dropout_type)
    .decompose(dropout_parts)
    .example({random(DType::f32, {2, 3})}, {}, 1)
    .example({random(DType::f16, {2, 3, 4}), given(Tensor::scalar(DType::f32, 0.25))}, {}, 2)
    .example({random(DType::f32, {2}), absent(), given(Tensor::of<char>(DType::boolean, {}, {0}))},
             {}, 2);

}  // namespace
}  // namespace cnnc

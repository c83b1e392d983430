// Convolutions and matrix products of quantised numbers.
#include "ir/op_def.h"
#include "ir/ops/graph_parts.h"

namespace cnnc {
namespace {
using enum DType;

const DTypes kByteTypes{i8, u8};

// An operand of bytes less its zero point, in f64: sums of products of bytes are exact there.
// One zero point for each output channel lies on axis 0.
Value* centred(const Node& node, Graph& g, size_t operand, size_t zero_point) {
  Value* x = converted(g, node.input(operand), f64);
  Value* zero = node.input(zero_point);
  if (zero == nullptr) return x;
  zero = converted(g, zero, f64);
  Ints behind;
  for (int a = 1; zero->rank() == 1 && a < x->rank(); ++a) behind.push_back(a);
  if (!behind.empty()) zero = g.make("Unsqueeze", {zero, g.constant(Tensor::ints(behind))});
  return g.make("Sub", {x, zero});
}

Attributes window_attributes(const Node& node) {
  Attributes attributes;
  for (const char* name : {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"})
    if (const auto it = node.attributes().find(name); it != node.attributes().end())
      attributes.insert(*it);
  return attributes;
}

OpDef& convolution_attributes(OpDef& op) {
  return op.attribute("auto_pad", std::string("NOTSET"))
      .attribute("dilations", Ints{})
      .attribute("group", int64_t{1})
      .attribute("kernel_shape", Ints{})
      .attribute("pads", Ints{})
      .attribute("strides", Ints{});
}

// The type of a Conv over operands of these types.
Dims convolved_dims(const OpContext& c, size_t x, size_t w) {
  Graph scratch;
  Value* conv = scratch.make(
      "Conv", {scratch.add_input({f64, c.dims(x)}), scratch.add_input({f64, c.dims(w)})},
      window_attributes(c.node()));
  return conv->type().dims;
}

[[maybe_unused]] OpDef& op_ConvInteger =
    convolution_attributes(register_op("ConvInteger"))
        .doc("Convolution of bytes in 32-bit integers, each operand less its zero point.")
        .onnx({10})
        .input("x", kByteTypes, "T1")
        .input("w", kByteTypes, "T2")
        .optional_input("x_zero_point", kByteTypes, "T1")
        .optional_input("w_zero_point", kByteTypes, "T2")
        .output("y")
        .infer([](const OpContext& c) -> std::vector<Type> {
          return {{i32, convolved_dims(c, 0, 1)}};
        })
        .decompose([](const Node& n, Graph& g) -> std::vector<Value*> {
          Value* y =
              g.make("Conv", {centred(n, g, 0, 2), centred(n, g, 1, 3)}, window_attributes(n));
          return {converted(g, y, i32)};
        })
        .example({random(u8, {1, 2, 5, 5}, 0, 255), random(i8, {3, 2, 3, 3}, -128, 127),
                  given(Tensor::scalar(u8, 7))},
                 {{"pads", Ints{1, 1, 1, 1}}})
        .example({random(u8, {1, 2, 5}, 0, 255), random(u8, {2, 1, 2}, 0, 255), absent(),
                  given(Tensor::of<uint8_t>(u8, {2}, {3, 9}))},
                 {{"group", int64_t{2}}, {"strides", Ints{2}}});

// A sum of products as the real number that it stands for, quantised anew.
Value* requantized(Graph& g, Value* sum, Value* scale, Value* y_scale, Value* y_zero_point) {
  Value* real = g.make("Mul", {converted(g, sum, f32), converted(g, scale, f32)});
  return g.make("QuantizeLinear", {real, converted(g, y_scale, f32), y_zero_point});
}

[[maybe_unused]] OpDef& op_QLinearConv =
    convolution_attributes(register_op("QLinearConv"))
        .doc("Convolution of quantised numbers; the bias B is in units of x_scale * w_scale.")
        .onnx({10})
        .input("x", kByteTypes, "T1")
        .input("x_scale", {f32, f64}, "")
        .input("x_zero_point", kByteTypes, "T1")
        .input("w", kByteTypes, "T2")
        .input("w_scale", {f32, f64}, "")
        .input("w_zero_point", kByteTypes, "T2")
        .input("y_scale", {f32, f64}, "")
        .input("y_zero_point", kByteTypes, "T3")
        .optional_input("B", {i32}, "")
        .output("y")
        .infer([](const OpContext& c) -> std::vector<Type> {
          return {{c.dtype(7), convolved_dims(c, 0, 3)}};
        })
        .decompose([](const Node& n, Graph& g) -> std::vector<Value*> {
          std::vector<Value*> operands{centred(n, g, 0, 2), centred(n, g, 3, 5)};
          if (n.input(8)) operands.push_back(converted(g, n.input(8), f64));
          Value* sum = g.make("Conv", operands, window_attributes(n));
          Value* scale = g.make("Mul", {n.input(1), n.input(4)});
          if (scale->rank() == 1) {
            Ints behind;
            for (int a = 1; a + 1 < sum->rank(); ++a) behind.push_back(a);
            scale = g.make("Unsqueeze", {scale, g.constant(Tensor::ints(behind))});
          }
          return {requantized(g, sum, scale, n.input(6), n.input(7))};
        })
        .example({random(u8, {1, 2, 5, 5}, 0, 255), given(Tensor::scalar(f32, 0.02)),
                  given(Tensor::scalar(u8, 130)), random(i8, {3, 2, 3, 3}, -128, 127),
                  random(f32, {3}, 0.01, 0.02), given(Tensor(i8, {3})),
                  given(Tensor::scalar(f32, 0.1)), given(Tensor::scalar(u8, 100)),
                  random(i32, {3}, -999, 999)});

// Scales and zero points of rows of A are made columns, so that they broadcast over them.
Value* of_rows(Graph& g, Value* x, const Value* matrix) {
  if (x->rank() != 1 || matrix->rank() < 2 || x->dim(0) == 1) return x;
  return g.make("Unsqueeze", {x, g.constant(Tensor::ints({1}))});
}

CNNC_OP(QLinearMatMul)
    .doc("Matrix product of quantised numbers.")
    .onnx({10, 21})
    .input("a", kByteTypes, "T1")
    .input("a_scale", {f32, f64, f16, bf16}, "TS")
    .input("a_zero_point", kByteTypes, "T1")
    .input("b", kByteTypes, "T2")
    .input("b_scale", {f32, f64, f16, bf16}, "TS")
    .input("b_zero_point", kByteTypes, "T2")
    .input("y_scale", {f32, f64, f16, bf16}, "TS")
    .input("y_zero_point", kByteTypes, "T3")
    .output("y")
    .infer([](const OpContext& c) -> std::vector<Type> {
      Graph scratch;
      Value* product = scratch.make(
          "MatMul", {scratch.add_input({f64, c.dims(0)}), scratch.add_input({f64, c.dims(3)})});
      return {{c.dtype(7), product->type().dims}};
    })
    .decompose([](const Node& n, Graph& g) -> std::vector<Value*> {
      Value* sum = g.make("MatMulInteger", {n.input(0), n.input(3), n.input(2), n.input(5)});
      Value* scale = g.make("Mul", {of_rows(g, n.input(1), n.input(0)), n.input(4)});
      return {requantized(g, sum, scale, n.input(6), n.input(7))};
    })
    .example({random(u8, {2, 4}, 0, 255), given(Tensor::scalar(f32, 0.02)),
              given(Tensor::scalar(u8, 120)), random(i8, {4, 3}, -128, 127),
              random(f32, {3}, 0.01, 0.02), given(Tensor(i8, {3})), given(Tensor::scalar(f32, 0.1)),
              given(Tensor::scalar(u8, 100))});

}  // namespace
}  // namespace cnnc

// Linear quantisation: a number is scale * (integer - zero point).
#include <cmath>

#include "ir/gradient.h"
#include "ir/narrow_cast.h"
#include "ir/ops/contraction.h"
#include "ir/ops/graph_parts.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

// f64 is more than ONNX has.
const DTypes kScaleTypes{f32, f64, f16, bf16, f8e8m0};
const DTypes kQuantizedTypes{i8,     u8,         i16,    u16, i32, f8e4m3fn, f8e4m3fnuz,
                             f8e5m2, f8e5m2fnuz, f4e2m1, i4,  u4,  i2,       u2};

// How scales lie over an operand: one for all, one for each place on an axis, or one for each
// block.
enum class Granularity { tensor, axis, block };

Granularity granularity(const OpContext& c) {
  if (c.integer("block_size") > 0) return Granularity::block;
  return c.rank(1) == 0 || (c.rank(1) == 1 && c.dims(1)[0] == 1) ? Granularity::tensor
                                                                 : Granularity::axis;
}

// Opset 10 had scalars only, for which the axis does not matter.
int quantized_axis(const OpContext& c) {
  return granularity(c) == Granularity::tensor ? 0 : c.axis(c.integer("axis"), c.rank());
}

void check_blocks(const OpContext& c, int axis) {
  c.require(c.rank(1) == c.rank(), "scales are ", c.type(1), ", need as many axes as ", c.type(0),
            " for blocks");
  for (int a = 0; a < c.rank(); ++a) {
    const Dim& size = c.dims()[static_cast<size_t>(a)];
    const Dim scales = a == axis ? Dim::ceil_div(size, c.integer("block_size")) : size;
    require_equal(c, c.dims(1)[static_cast<size_t>(a)], cat("axis ", a, " of the scales"), scales,
                  "what the operand needs");
  }
}

void check_scales(const OpContext& c) {
  const Granularity g = granularity(c);
  const int axis = quantized_axis(c);
  if (g == Granularity::axis) {
    c.require(c.rank(1) == 1, "scales are ", c.type(1), ", need one number or one axis");
    require_equal(c, c.dims(1)[0], "the number of scales", c.dims()[static_cast<size_t>(axis)],
                  cat("axis ", axis, " of the operand"));
  }
  if (g == Granularity::block) check_blocks(c, axis);
  if (!c.has(2)) return;
  const bool fits = g == Granularity::tensor ? product(c.dims(2)) == 1 : c.dims(2) == c.dims(1);
  c.require(fits, "zero points are ", c.type(2), " and scales ", c.type(1), ", need as many");
}

// The scale or zero point that belongs to the element at the output's place.
Scalar parameter(const OpContext& c, size_t operand) {
  Scalars at = OpContext::indices(c.rank());
  const auto axis = static_cast<size_t>(quantized_axis(c));
  switch (granularity(c)) {
    case Granularity::tensor:
      return c.load(operand, Scalars(static_cast<size_t>(c.rank(operand)), Scalar::i64(0)));
    case Granularity::axis:
      return c.load(operand, {at[axis]});
    case Granularity::block:
      break;
  }
  at[axis] = at[axis] / Scalar::i64(c.integer("block_size"));
  return c.load(operand, at);
}

Computation elementwise_result(const OpContext& c, const Scalar& value) {
  Computation result;
  result.dtype = c.output_type().dtype;
  result.space = c.dims();
  result.value = value;
  return result;
}

void number_to_dtype(OnnxNode& n) {
  const auto it = n.attributes.find("output_dtype");
  if (it == n.attributes.end()) return;
  const auto* number = std::get_if<int64_t>(&it->second);
  if (number != nullptr && *number == 0) {  // ONNX's word for "as the operands say"
    n.attributes.erase(it);
    return;
  }
  integer_to_dtype(n, "output_dtype");
}

std::optional<DType> asked_dtype(const OpContext& c) {
  if (!c.has_attribute("output_dtype")) return std::nullopt;
  return std::get<DType>(*c.node().attribute("output_dtype"));
}

// What numbers and scales are computed in.
DType work_dtype(const OpContext& c) { return c.dtype(1) == f64 ? f64 : f32; }

// ---- QuantizeLinear

Scalar clamped_integer(const Scalar& x, DType type) {
  const bool is_unsigned = type == u2 || type == u4 || is_unsigned_int(type);
  const int bits = type == i2 || type == u2   ? 2
                   : type == i4 || type == u4 ? 4
                                              : static_cast<int>(size_of(type)) * 8;
  const double low = is_unsigned ? 0 : -std::ldexp(1.0, bits - 1);
  const double high = std::ldexp(1.0, is_unsigned ? bits : bits - 1) - 1;
  return cast(cast(max(x.like(low), min(x, x.like(high))), i32), type, CastMode{});
}

DType quantized_dtype(const OpContext& c) {
  const std::optional<DType> asked = asked_dtype(c);
  c.require(!c.has(2) || !asked || *asked == c.dtype(2), "output_dtype is ",
            name_of(asked.value_or(u8)), " but the zero point is ",
            c.has(2) ? name_of(c.dtype(2)) : "");
  return c.has(2) ? c.dtype(2) : asked.value_or(u8);
}

Computation quantize(const OpContext& c, int) {
  const DType type = c.output_type().dtype, work = work_dtype(c);
  const Scalar scaled =
      cast(c.load(0, OpContext::indices(c.rank())), work) / cast(parameter(c, 1), work, CastMode{});
  CastMode mode;
  mode.saturate = c.integer("saturate") != 0;
  if (is_float(type)) return elementwise_result(c, cast(scaled, type, mode));
  Scalar number = round_even(scaled);
  if (c.has(2)) number = number + cast(parameter(c, 2), work, CastMode{});
  return elementwise_result(c, clamped_integer(number, type));
}

CNNC_OP(QuantizeLinear)
    .doc(
        "x / scale rounded to nearest even, plus the zero point, clamped to the range of its type: "
        "with one scale, one for each place on `axis`, or one for each block of block_size there. "
        "Computed in f32, or f64 with such scales.")
    .onnx({10, 13, 19, 21, 23, 24, 25, 28})
    .onnx_upgrade(kEveryOpset, number_to_dtype)
    .input("x", {f32, f64, f16, bf16, i32}, "T1")
    .input("y_scale", {f32, f64, f16, bf16, i32, f8e8m0}, "T2")
    .optional_input("y_zero_point", kQuantizedTypes, "T3")
    .output("y")
    .attribute("axis", 1)
    .attribute("block_size", 0)
    .optional_attribute("output_dtype", u8)
    .attribute("precision", 0)
    .attribute("saturate", 1)
    .infer([](const OpContext& c) -> std::vector<Type> {
      check_scales(c);
      return {{quantized_dtype(c), c.dims()}};
    })
    .compute(quantize)
    .example({random(f32, {2, 3}, -300, 300), given(Tensor::scalar(f32, 2))})
    .example({random(f32, {2, 3, 2}, -9, 9), given(Tensor::of<float>(f32, {3}, {0.1f, 0.5f, 1})),
              given(Tensor::of<int8_t>(i8, {3}, {-3, 0, 7}))})
    .example({random(f16, {4, 2}, -9, 9), random(f16, {2, 2}, 0.1, 1)},
             {{"axis", 0}, {"block_size", 2}, {"output_dtype", i16}})
    .example({random(f32, {5}, -20, 20), given(Tensor::scalar(f32, 1)), given(Tensor(i4, {}))})
    .example({random(f32, {5}, -900, 900), given(Tensor::scalar(f32, 1))},
             {{"output_dtype", f8e4m3fn}});

// ---- DequantizeLinear

// Differences of zero points are exact in f32 but for 32-bit integers, which have none.
Computation dequantize(const OpContext& c, int) {
  const DType work = work_dtype(c);
  Scalar number = cast(c.load(0, OpContext::indices(c.rank())), work, CastMode{});
  if (c.has(2)) number = number - cast(parameter(c, 2), work, CastMode{});
  const Scalar value = number * cast(parameter(c, 1), work, CastMode{});
  return elementwise_result(c, cast(value, c.output_type().dtype));
}

// With respect to the scales: each of them has a share in what it scaled.
void dequantize_gradient(GradientBuilder& g) {
  const OpContext c = g.context();
  if (!g.wants(1)) return;
  Value* scales = g.input(1);
  Value* ones =
      g.make("Expand", {number_like(g.graph(), scales, 1), shape_operand(g.graph(), scales)});
  Value* numbers =
      g.make("DequantizeLinear", {g.input(0), ones, g.input(2)}, g.node().attributes());
  Value* share = g.mul(g.out_grad(), numbers);
  const int axis = quantized_axis(c);
  Ints summed;
  for (int a = 0; a < c.rank(); ++a)
    if (granularity(c) == Granularity::tensor || a != axis) summed.push_back(a);
  if (granularity(c) == Granularity::block) {
    // [..., blocks, block, ...] summed over the block.
    std::vector<Value*> sizes;
    for (int a = 0; a < c.rank(); ++a) {
      sizes.push_back(size_operand(g.graph(), scales, a));
      if (a == axis) sizes.push_back(g.ints({c.integer("block_size")}));
    }
    share = g.make("Reshape", {share, g.make("Concat", sizes, {{"axis", 0}})}, {{"allowzero", 1}});
    summed = {axis + 1};
  }
  if (!summed.empty()) share = g.make("ReduceSum", {share, g.ints(summed)}, {{"keepdims", 0}});
  g.wrt(1, g.reshaped_like(share, scales));
}

CNNC_OP(DequantizeLinear)
    .doc(
        "(x - zero point) * scale: with one scale, one for each place on `axis`, or one for each "
        "block of block_size there. Computed in f32, or f64 with such scales.")
    .onnx({10, 13, 19, 21, 23, 24, 25, 28})
    .onnx_upgrade(kEveryOpset, number_to_dtype)
    .input("x", kQuantizedTypes, "T1")
    .input("x_scale", kScaleTypes, "T2")
    .optional_input("x_zero_point", kQuantizedTypes, "T1")
    .output("y")
    .attribute("axis", 1)
    .attribute("block_size", 0)
    .optional_attribute("output_dtype", f32)
    .infer([](const OpContext& c) -> std::vector<Type> {
      check_scales(c);
      const DType scale = c.dtype(1) == f8e8m0 ? f32 : c.dtype(1);
      return {{asked_dtype(c).value_or(scale), c.dims()}};
    })
    .compute(dequantize)
    .gradient(dequantize_gradient)
    .example({random(u8, {2, 3}, 0, 255), random(f32, {}, 0.1, 1), given(Tensor::scalar(u8, 128))})
    .example({random(i8, {2, 3, 2}, -128, 127), random(f32, {3}, 0.1, 1)})
    .example({random(i32, {4, 2}, -999, 999), random(f32, {2, 2}, 0.1, 1)},
             {{"axis", 0}, {"block_size", 2}})
    .example({random(u4, {5}, 0, 15), random(f16, {1}, 0.1, 1), given(Tensor(u4, {1}))})
    .example({random(f8e5m2, {2, 2}, -9, 9), random(f32, {2}, 0.1, 1)}, {{"axis", 0}});

}  // namespace
}  // namespace cnnc

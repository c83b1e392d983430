// Element types, copies and selection.
#include "ir/gradient.h"
#include "ir/narrow_cast.h"
#include "ir/op_def.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

CNNC_OP(Identity)
    .doc("The operand itself.")
    .onnx({1, 13, 14, 16, 19, 21, 23, 24, 25})
    .input("input")
    .infer([](const OpContext& c) -> std::vector<Type> { return {c.type()}; })
    .indexed([](const OpContext& c, const Scalars& at) { return c.load(0, at); })
    .gradient([](GradientBuilder& g) { g.wrt(0, g.out_grad()); })
    .view()
    .example({random(f32, {2, 3, 4})})
    .example({random(f16, {2, 3})})
    .example({random(boolean, {}, 0, 2)})
    .example({random(f8e5m2, {2, 3})})
    .example({random(i4, {5}, -8, 8)})
    .example({random(c64, {2, 3})})
    .example({random(string, {2, 3}, 0, 9)});

CastMode cast_mode(const OpContext& c) {
  CastMode mode;
  mode.saturate = c.integer("saturate") != 0;
  const std::string& rounding = c.text("round_mode");
  c.require(rounding == "up" || rounding == "down" || rounding == "nearest", "round_mode is ", quoted(rounding),
            ", need \"up\", \"down\" or \"nearest\"");
  mode.rounding = rounding == "up" ? CastMode::up : rounding == "down" ? CastMode::down : CastMode::nearest;
  return mode;
}

// The type with a text form to which a number is converted first: the digits of narrow floats are those of an f32.
DType formatted_type(DType type) {
  if (type == boolean || type == u64 || type == f64) return type;
  return is_float(type) ? f32 : i64;
}

// The type with a text form from which a number is converted: rounding an f64 once more is rare to matter.
DType parsed_type(DType type) {
  if (type == boolean || type == u64 || type == f32) return type;
  return is_float(type) ? f64 : i64;
}

void format(OnnxNode& node) {
  const DType type = formatted_type(node.inputs[0]->dtype());
  if (node.inputs[0]->dtype() != type) node.inputs[0] = node.graph.make("Cast", {node.inputs[0]}, {{"to", type}});
  node.op = "FormatNumbers";
  node.attributes.clear();
}

void parse(OnnxNode& node, DType to) {
  const DType type = parsed_type(to);
  if (type == to) {
    node.op = "ParseNumbers";
    node.attributes = {{"to", to}};
  } else {
    node.inputs[0] = node.graph.make("ParseNumbers", {node.inputs[0]}, {{"to", type}});
  }
}

// Conversions from and to strings are operators of their own.
void separate_strings(OnnxNode& node) {
  integer_to_dtype(node, "to");
  if (node.inputs.empty() || node.inputs[0] == nullptr || !node.has("to")) return;
  const DType from = node.inputs[0]->dtype(), to = std::get<DType>(node.attributes.at("to"));
  if (from == string && to == string) {
    node.op = "Identity";
    node.attributes.clear();
  } else if (to == string) {
    format(node);
  } else if (from == string) {
    parse(node, to);
  }
}

void separate_strings_like(OnnxNode& node) {
  if (node.inputs.size() != 2 || node.inputs[0] == nullptr || node.inputs[1] == nullptr) return;
  const DType from = node.inputs[0]->dtype(), to = node.inputs[1]->dtype();
  if (from != string && to != string) return;
  node.op = "Cast";
  node.inputs.pop_back();
  node.attributes["to"] = to;
  separate_strings(node);
}

// What BitCast takes, and Cast and CastLike once import has separated strings.
const DTypes kConvertedTypes = [] {
  DTypes types;
  for (DType type : kAnyType)
    if (!is_opaque(type)) types.push_back(type);
  return types;
}();

CNNC_OP(BitCast)
    .doc("The operand's bits as elements of type `to`, which is as wide.")
    .onnx({26})
    .onnx_upgrade(kEveryOpset, [](OnnxNode& node) { integer_to_dtype(node, "to"); })
    .input("input", kConvertedTypes, "T1")
    .required_attribute("to", f32)
    .infer([](const OpContext& c) -> std::vector<Type> {
      const DType to = std::get<DType>(*c.node().attribute("to"));
      c.require(!is_opaque(to), "to is ", name_of(to), ", need a float, integer or bool type");
      c.require(bits_of(to) == bits_of(c.dtype()), "the operand is ", c.type(), " of ",
                bits_of(c.dtype()), " bits an element, and ", name_of(to), " has ", bits_of(to));
      return {{to, c.dims()}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      // A bool's byte is 0 or 1.
      const DType to = c.output_type().dtype;
      const bool of_bool = (to == boolean) != (c.dtype() == boolean);
      return of_bool ? cast(c.load(0, at), to) : bitcast(c.load(0, at), to);
    })
    .example({given(Tensor::of<float>(f32, {2}, {1, -2.5}))}, {{"to", i32}})
    .example({random(boolean, {3}, 0, 2)}, {{"to", u8}})
    .example({random(i64, {4}, -9, 9)}, {{"to", f64}})
    .example({random(u8, {4}, 0, 255)}, {{"to", i8}});

// saturate and round_mode speak of 8-bit floats only.
CNNC_OP(Cast)
    .doc(
        "The operand converted to type `to`. Floats are truncated to integers, with the nearest "
        "end of the range for "
        "what does not fit and 0 for NaN; integers wrap around, and so does what goes to i4, u4, i2 "
        "or u2; to bool everything but 0 is true. To a float of 8 or 4 bits, numbers round to nearest "
        "even and those that do not fit become the largest one, or with saturate = 0, infinity or NaN "
        "where an 8-bit type has it; f8e8m0 takes the next power of two as round_mode says. Import turns "
        "conversions from and to strings into ParseNumbers and FormatNumbers.")
    .onnx({1, 6, 9, 13, 19, 21, 23, 24, 25, 28})
    .onnx_upgrade(kEveryOpset, separate_strings)
    .input("input", kConvertedTypes, "T1")
    .required_attribute("to", f32)
    .attribute("saturate", 1)
    .attribute("round_mode", "up")
    .elementwise_with([](const OpContext& c, const Scalars& x) {
      const DType to = std::get<DType>(*c.node().attribute("to"));
      c.require(!is_opaque(to), "to is ", name_of(to), ", need a float, integer or bool type; FormatNumbers makes strings");
      return cast(x[0], to, cast_mode(c));
    })
    .example({random(f32, {2, 3, 4}, -9, 9)}, {{"to", i32}})
    .example({random(f32, {2, 3}, -9, 9)}, {{"to", f16}})
    .example({random(f16, {2, 3}, -9, 9)}, {{"to", f32}})
    .example({random(bf16, {2, 3}, -9, 9)}, {{"to", f16}})
    .example({random(f64, {2, 3}, -9, 9)}, {{"to", bf16}})
    .example({random(f32, {5}, -2, 2)}, {{"to", boolean}})
    .example({random(i64, {5}, -999, 999)}, {{"to", u8}})
    .example({random(i64, {}, -999, 999)}, {{"to", f32}})
    .example({random(boolean, {5}, 0, 2)}, {{"to", f64}})
    .example({random(f32, {5, 7}, -600, 600)}, {{"to", f8e4m3fn}})
    .example({random(f16, {5, 7}, -600, 600)}, {{"to", f8e4m3fn}, {"saturate", 0}})
    .example({random(f64, {5, 7}, -400, 400)}, {{"to", f8e4m3fnuz}})
    .example({random(bf16, {5, 7}, -70000, 70000)}, {{"to", f8e5m2}, {"saturate", 0}})
    .example({random(f32, {5, 7}, -70000, 70000)}, {{"to", f8e5m2fnuz}})
    .example({random(f32, {5, 7}, 0, 9)}, {{"to", f8e8m0}})
    .example({random(f32, {5, 7}, 0, 9)}, {{"to", f8e8m0}, {"round_mode", "nearest"}, {"saturate", 0}})
    .example({random(f16, {5, 7}, 0, 9)}, {{"to", f8e8m0}, {"round_mode", "down"}})
    .example({random(f32, {5, 7}, -8, 8)}, {{"to", f4e2m1}})
    .example({random(f32, {5, 7}, -20, 20)}, {{"to", i4}})
    .example({random(i64, {5, 7}, -20, 20)}, {{"to", u4}})
    .example({random(f16, {5, 7}, -5, 5)}, {{"to", i2}})
    .example({random(u8, {5, 7}, 0, 9)}, {{"to", u2}})
    .example({random(f8e4m3fn, {5, 7}, -9, 9)}, {{"to", f32}})
    .example({random(f8e4m3fnuz, {5, 7}, -9, 9)}, {{"to", f16}})
    .example({random(f8e5m2, {5, 7}, -9, 9)}, {{"to", f64}})
    .example({random(f8e5m2fnuz, {5, 7}, -9, 9)}, {{"to", bf16}})
    .example({random(f8e8m0, {5, 7}, 0, 9)}, {{"to", i32}})
    .example({random(f4e2m1, {5, 7}, -6, 6)}, {{"to", f8e5m2}})
    .example({random(i4, {5, 7}, -8, 8)}, {{"to", f32}})
    .example({random(u4, {5, 7}, 0, 16)}, {{"to", i8}})
    .example({random(i2, {5, 7}, -2, 2)}, {{"to", f16}})
    .example({random(u2, {5, 7}, 0, 4)}, {{"to", boolean}});

CNNC_OP(CastLike)
    .doc("The first operand converted to the element type of the second, as Cast does it.")
    .onnx({15, 19, 21, 23, 24, 25})
    .onnx_upgrade(kEveryOpset, separate_strings_like)
    .input("input", kConvertedTypes, "T1")
    .input("target_type", kConvertedTypes, "T2")
    .attribute("saturate", 1)
    .attribute("round_mode", "up")
    .infer([](const OpContext& c) -> std::vector<Type> {
      return {{c.dtype(1), c.dims(0)}};
    })
    .indexed([](const OpContext& c, const Scalars& at) { return cast(c.load(0, at), c.dtype(1), cast_mode(c)); })
    .gradient([](GradientBuilder& g) { g.wrt(0, g.out_grad()); })
    .example({random(f32, {2, 3}, -9, 9), random(i32, {1})})
    .example({random(f16, {2, 3}, -9, 9), random(f64, {})})
    .example({random(i8, {4}, -9, 9), random(bf16, {2, 2})})
    .example({random(f32, {2, 3}, -9, 9), random(f8e4m3fn, {1})}, {{"saturate", 0}})
    .example({random(f8e5m2, {4}, -9, 9), random(i4, {2, 2})});

CNNC_OP(Where)
    .doc("x where the condition holds, else y.")
    .onnx({9, 16})
    .input("condition", kBoolType, "B")
    .input("X")
    .input("Y")
    .elementwise([](Scalar condition, Scalar x, Scalar y) { return select(condition, x, y); })
    .example({random(boolean, {2, 3, 4}, 0, 2), random(f32, {3, 1}), random(f32, {4})})
    .example({random(boolean, {3}, 0, 2), random(f64, {2, 3}), random(f64, {2, 1})})
    .example({random(boolean, {}, 0, 2), random(f16, {2, 3}), random(f16, {2, 3})})
    .example({random(boolean, {5}, 0, 2), random(boolean, {5}, 0, 2), random(boolean, {}, 0, 2)})
    .example({random(boolean, {2, 3}, 0, 2), random(string, {3}, 0, 9), random(string, {2, 1}, 0, 9)})
    .example({random(boolean, {2, 3}, 0, 2), random(c128, {3}), random(c128, {2, 1})});

}  // namespace
}  // namespace cnnc

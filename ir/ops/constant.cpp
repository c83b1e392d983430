// Tensors that the model holds, and tensors made from a rule.
#include <cmath>

#include "ir/gradient.h"
#include "ir/op_def.h"
#include "ir/ops/indexing.h"
#include "ir/ops/onnx_history.h"

namespace cnnc {
namespace {
using enum DType;

// Larger constants are data to load; they have no expression.
constexpr int64_t kMaxElementsInExpression = 16;

const Tensor& constant_value(const Node& node) {
  return std::get<Tensor>(*node.attribute("value"));
}

Scalar element_of(const Tensor& tensor, int64_t index) {
  if (tensor.dtype() == c64)
    return bitcast(Scalar::constant_int(u64, static_cast<int64_t>(tensor.data<uint64_t>()[index])), c64);
  if (is_narrow_float(tensor.dtype()))  // keeps the bits of every NaN
    return bitcast(Scalar::constant_int(u8, tensor.data<uint8_t>()[index]), tensor.dtype());
  return is_float(tensor.dtype()) ? Scalar::constant(tensor.dtype(), tensor.as_double(index))
                                  : Scalar::constant_int(tensor.dtype(), tensor.as_int(index));
}

Scalar constant_element(const OpContext& c, const Scalars& at) {
  const Tensor& tensor = constant_value(c.node());
  c.require(
      tensor.size() <= kMaxElementsInExpression && tensor.size() > 0 && tensor.raw() != nullptr &&
          tensor.dtype() != string && tensor.dtype() != c128,
      "its ", tensor.size(), " elements are no expression");
  Scalar flat = Scalar::i64(0);
  for (size_t a = 0; a < at.size(); ++a)
    if (tensor.shape()[a] != 1) flat = flat * Scalar::i64(tensor.shape()[a]) + at[a];
  Scalar element = element_of(tensor, tensor.size() - 1);
  for (int64_t i = tensor.size() - 1; i-- > 0;)
    element = select(flat == Scalar::i64(i), element_of(tensor, i), element);
  return element;
}

template <typename T>
Tensor from_list(DType dtype, const std::vector<T>& values, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  for (size_t i = 0; i < values.size(); ++i) {
    if constexpr (std::is_same_v<T, double>)
      tensor.set_double(static_cast<int64_t>(i), values[i]);
    else
      tensor.set_int(static_cast<int64_t>(i), values[i]);
  }
  return tensor;
}

// ONNX has an attribute for each way to write the value.
void constant_forms(OnnxNode& node) {
  if (auto v = node.take("value_float"))
    node.attributes["value"] = from_list<double>(f32, {std::get<double>(*v)}, {});
  if (auto v = node.take("value_int"))
    node.attributes["value"] = from_list<int64_t>(i64, {std::get<int64_t>(*v)}, {});
  if (auto v = node.take("value_floats")) {
    const Floats& list = std::get<Floats>(*v);
    node.attributes["value"] = from_list(f32, list, {static_cast<int64_t>(list.size())});
  }
  if (auto v = node.take("value_ints")) node.attributes["value"] = Tensor::ints(std::get<Ints>(*v));
  if (auto v = node.take("value_string"))
    node.attributes["value"] = Tensor::strings({}, {std::get<std::string>(*v)});
  if (auto v = node.take("value_strings")) {
    const Strings& list = std::get<Strings>(*v);
    node.attributes["value"] = Tensor::strings({static_cast<int64_t>(list.size())}, list);
  }
}

CNNC_OP(Constant)
    .doc("A tensor that the model holds.")
    .onnx({1, 9, 11, 12, 13, 19, 21, 23, 24, 25})
    .onnx_upgrade(kEveryOpset, constant_forms)
    .required_attribute("value", Tensor())
    .infer([](const OpContext& c) -> std::vector<Type> {
      return {type_of(constant_value(c.node()))};
    })
    .indexed(constant_element)
    .kernel([](const Node& node, const std::vector<const Tensor*>&) {
      return std::vector<Tensor>{constant_value(node)};
    })
    .example({}, {{"value", Tensor::scalar(f32, 1.5)}})
    .example({}, {{"value", Tensor::of<int64_t>(i64, {2, 3}, {1, -2, 3, 4, 5, INT64_MAX})}})
    .example({}, {{"value", Tensor::of<double>(f64, {1, 2}, {0.1, -INFINITY})}})
    .example({}, {{"value", Tensor::of<uint8_t>(boolean, {2}, {1, 0})}})
    .example({}, {{"value", Tensor::of<uint8_t>(f8e5m2, {5}, {0, 0x80, 0x7C, 0x7F, 0xFD})}})
    .example({}, {{"value", Tensor::of<int8_t>(i4, {3}, {-8, -1, 7})}})
    .example({}, {{"value", Tensor::of<float>(f32, {4}, {1, -0.5, NAN, 2}).viewed_as(c64, {2})}});

CNNC_OP(ConstantOfShape)
    .doc(
        "A tensor of the given shape, filled with the one element of `value`: 0 in f32 when "
        "absent.")
    .onnx({9, 20, 21, 23, 24, 25})
    .input("input", {i64}, "")
    .attribute("value", Tensor(f32, {1}))
    .infer([](const OpContext& c) -> std::vector<Type> {
      const Tensor& value = constant_value(c.node());
      c.require(value.size() == 1 && !is_opaque(value.dtype()), "value is ", type_of(value),
                ", need one element, a number or bool");
      return {{value.dtype(), c.need_content(0)}};
    })
    .indexed([](const OpContext& c, const Scalars&) {
      return element_of(constant_value(c.node()), 0);
    })
    .example({given(Tensor::ints({2, 3}))})
    .example({given(Tensor::ints({4}))}, {{"value", Tensor::ints({-7})}})
    .example({given(Tensor::ints({4}))}, {{"value", Tensor::of<uint8_t>(f8e4m3fn, {1}, {0x3A})}})
    .example({given(Tensor::ints({}))}, {{"value", Tensor::of<uint8_t>(boolean, {1}, {1})}})
    .example({given(Tensor::ints({0, 2}))}, {{"value", Tensor(f16, {1})}});

// The number that an operand holds, when it is known: a constant, or a known size that was cast to
// a float.
double need_number(const OpContext& c, size_t operand, const char* name) {
  const Value* value = c.node().input(operand);
  const std::optional<Tensor> constant = constant_value(*value);
  if (constant && constant->size() == 1) return constant->as_double(0);
  c.fail(name,
         " decides the size of the result and is known only while the model runs; sizes that data "
         "decides are not supported");
}

Dim range_size(const OpContext& c) {
  if (is_float(c.dtype())) {
    const double start = need_number(c, 0, "start"), limit = need_number(c, 1, "limit"),
                 delta = need_number(c, 2, "delta");
    const double count = std::ceil((limit - start) / delta);
    c.require(count < 1e15, "from ", start, " to ", limit, " by ", delta,
              " makes no finite number of elements");
    return count > 0 ? static_cast<int64_t>(count) : 0;
  }
  const Dims start = c.need_content(0), limit = c.need_content(1);
  const Ints delta = c.need_ints(2);
  c.require(start.size() == 1 && limit.size() == 1 && delta.size() == 1,
            "start, limit and delta need one element each");
  c.require(delta[0] != 0 && delta[0] != INT64_MIN, "delta is ", delta[0]);
  return Dim::max(0, delta[0] > 0 ? Dim::ceil_div(limit[0] - start[0], delta[0])
                                  : Dim::ceil_div(start[0] - limit[0], -delta[0]));
}

// f16 and bf16 are computed in f32 whatever stash_type says: it is the finer choice of the two.
CNNC_OP(Range)
    .doc("start, start + delta, ... up to before limit.")
    .onnx({11, 27})
    .input("start", kNumberTypes)
    .input("limit", kNumberTypes)
    .input("delta", kNumberTypes)
    .attribute("stash_type", 1)
    .infer([](const OpContext& c) -> std::vector<Type> {
      return {{c.dtype(), {range_size(c)}}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const DType type = is_float(c.dtype()) && size_of(c.dtype()) == 2 ? f32 : c.dtype();
      const Scalar start = cast(load_single(c, 0), type), delta = cast(load_single(c, 2), type);
      return cast(start + cast(at[0], type) * delta, c.dtype());
    })
    .example({given(Tensor::scalar(i64, 3)), given(Tensor::scalar(i64, 10)),
              given(Tensor::scalar(i64, 3))})
    .example({given(Tensor::scalar(i32, 10)), given(Tensor::scalar(i32, 4)),
              given(Tensor::scalar(i32, -2))})
    .example({given(Tensor::scalar(f32, 0)), given(Tensor::scalar(f32, 1)),
              given(Tensor::scalar(f32, 0.3))})
    .example({given(Tensor::scalar(f16, 1)), given(Tensor::scalar(f16, 3)),
              given(Tensor::scalar(f16, 0.5))})
    .example({given(Tensor::scalar(i64, 3)), given(Tensor::scalar(i64, 3)),
              given(Tensor::scalar(i64, 1))});

CNNC_OP(EyeLike)
    .doc(
        "Ones on diagonal k of a matrix of the operand's shape, zeros elsewhere; of type `dtype`, "
        "or the operand's.")
    .onnx({9, 22})
    .onnx_upgrade(kEveryOpset, [](OnnxNode& node) { integer_to_dtype(node, "dtype"); })
    .input("input", kWideTypes)
    .optional_attribute("dtype", f32)
    .attribute("k", 0)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank() == 2, "input is ", c.type(), ", need 2 axes");
      const Attribute* dtype = c.node().attribute("dtype");
      const DType type = dtype ? std::get<DType>(*dtype) : c.dtype();
      c.require(!is_opaque(type), "dtype is ", name_of(type), ", need a float, integer or bool type");
      return {{type, c.dims()}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      return cast(at[1] - at[0] == Scalar::i64(c.integer("k")), c.output_type().dtype);
    })
    .gradient([](GradientBuilder&) {})  // only the shape counts
    .example({random(f32, {3, 4})})
    .example({random(i32, {3, 3}, 0, 9)}, {{"k", 1}, {"dtype", f64}})
    .example({random(boolean, {2, 3}, 0, 2)}, {{"k", -1}});

Dim one_hot_depth(const OpContext& c) {
  c.require(product(c.dims(1)) == 1, "depth is ", c.type(1), ", need one element");
  if (is_float(c.dtype(1))) return static_cast<int64_t>(need_number(c, 1, "depth"));
  return c.need_content(1)[0];
}

// How much of the result each of the two values makes up: off where the index names another place.
void one_hot_gradient(GradientBuilder& g) {
  std::vector<Value*> sums;
  for (const bool on : {false, true}) {
    Tensor chosen(g.out_grad()->dtype(), {2});
    chosen.set_double(0, on ? 0 : 1);
    chosen.set_double(1, on ? 1 : 0);
    Value* places = g.make("OneHot", {g.input(0), g.input(1), g.graph().constant(chosen)},
                           g.node().attributes());
    Value* sum = g.make("ReduceSum", {g.mul(g.out_grad(), places)}, {{"keepdims", int64_t{0}}});
    sums.push_back(g.make("Unsqueeze", {sum, g.ints({0})}));
  }
  g.wrt(2, g.make("Concat", sums, {{"axis", int64_t{0}}}));
}

CNNC_OP(OneHot)
    .doc(
        "A new axis of size `depth` on which the place that the index names holds values[1] and "
        "all others values[0]. "
        "Negative indices count from the end; indices out of range name no place.")
    .onnx({9, 11, 28})
    .input("indices", kNumberTypes, "T1")
    .input("depth", kNumberTypes, "T2")
    .input("values", kAnyType, "T3")
    .attribute("axis", -1)
    .infer([](const OpContext& c) -> std::vector<Type> {
      c.require(c.rank(2) == 1 && (!c.dims(2)[0].is_const() || c.dims(2)[0] == 2), "values are ",
                c.type(2), ", need the two elements off and on");
      Dims dims = c.dims(0);
      dims.insert(dims.begin() + c.axis(c.integer("axis"), c.rank() + 1), one_hot_depth(c));
      return {{c.dtype(2), dims}};
    })
    .indexed([](const OpContext& c, const Scalars& at) {
      const int axis = c.axis(c.integer("axis"), c.rank() + 1);
      const Scalar index = cast(c.load(0, without(at, axis)), i64), zero = Scalar::i64(0);
      const Scalar place = select(index < zero, index + Scalar::size(one_hot_depth(c)), index);
      return c.load(2, {select(place == at[static_cast<size_t>(axis)], Scalar::i64(1), zero)});
    })
    .gradient(one_hot_gradient)
    .example({given(Tensor::of<int64_t>(i64, {2, 2}, {0, -1, 5, 2})), given(Tensor::scalar(i64, 4)),
              random(f32, {2})})
    .example({given(Tensor::of<float>(f32, {3}, {0, 2, 1})),
              given(Tensor::of<float>(f32, {1}, {3})), random(i32, {2}, 0, 9)},
             {{"axis", 0}});

}  // namespace
}  // namespace cnnc

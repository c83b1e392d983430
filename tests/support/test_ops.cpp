#include "tests/support/test_ops.h"

#include <cmath>

#include "ir/op_def.h"

namespace cnnc {

static Type without_last(const OpContext& c) {
  Type type = c.type();
  c.require(!type.dims.empty(), "needs an axis");
  type.dims.pop_back();
  return type;
}

static Computation reduction(const OpContext& c, DType dtype) {
  Computation r;
  r.dtype = dtype;
  r.space = c.dims();
  r.reduce = {r.space.back()};
  r.space.pop_back();
  r.elements = {c.load(0, OpContext::indices(c.rank()))};
  return r;
}

static Computation sum(const OpContext& c, int) {
  Computation r = reduction(c, c.dtype());
  r.init = {Scalar::constant(c.dtype(), 0)};
  r.combine = {Scalar::param(0, c.dtype()) + Scalar::param(1, c.dtype())};
  r.value = Scalar::param(0, c.dtype());
  return r;
}

// Accumulators: the greatest element so far and its position.
static Computation arg_max(const OpContext& c, int output) {
  Computation r = reduction(c, output == 0 ? c.dtype() : DType::i64);
  r.elements.push_back(Scalar::index(c.rank() - 1));
  r.init = {Scalar::constant(c.dtype(), -INFINITY), Scalar::i64(-1)};
  const Scalar best = Scalar::param(0, c.dtype()), x = Scalar::param(2, c.dtype());
  r.combine = {select(best < x, x, best), select(best < x, Scalar::param(3, DType::i64), Scalar::param(1, DType::i64))};
  r.value = Scalar::param(output, r.dtype);
  return r;
}

static Scalar left_neighbour(const OpContext& c, const Scalars& indices) {
  Scalars at = indices;
  at.back() = at.back() - Scalar::i64(1);
  return select(at.back() < Scalar::i64(0), Scalar::constant(c.dtype(), 0), c.load(0, at));
}

static std::vector<Value*> softplus(const Node& node, Graph& g) {
  Value* one = g.constant(Tensor::scalar(node.input(0)->dtype(), 1));
  return {g.make("TestAdd", {g.make("TestExp", {node.input(0)}), one})};
}

static Computation sizes(const OpContext& c, int) {
  Computation r;
  r.dtype = DType::i64;
  r.space = {c.rank()};
  r.value = Scalar::i64(0);
  for (int a = 0; a < c.rank(); ++a)
    r.value = select(Scalar::index(0) == Scalar::i64(a), Scalar::size(c.dims()[static_cast<size_t>(a)]), r.value);
  return r;
}

static void declare() {
  register_op("TestAdd").input("a").input("b").elementwise([](Scalar a, Scalar b) { return a + b; });
  register_op("TestMul").input("a").input("b").elementwise([](Scalar a, Scalar b) { return a * b; });
  register_op("TestNeg").input("x").elementwise([](Scalar x) { return -x; });
  register_op("TestExp").input("x").elementwise([](Scalar x) { return exp(x); });
  register_op("TestRandom").input("x").impure().elementwise([](Scalar x) { return x; });
  register_op("TestSum").input("x").compute(sum).infer([](const OpContext& c) { return std::vector{without_last(c)}; });
  register_op("TestArgMax").input("x").output("value").optional_output("position").compute(arg_max)
      .infer([](const OpContext& c) {
        Type position = without_last(c);
        position.dtype = DType::i64;
        return std::vector{without_last(c), position};
      });
  register_op("TestShift").input("x").indexed(left_neighbour).infer([](const OpContext& c) {
    return std::vector{c.type()};
  });
  register_op("TestSoftplus").input("x").decompose(softplus).infer([](const OpContext& c) {
    return std::vector{c.type()};
  });
  register_op("TestSizes").input("x").compute(sizes).infer([](const OpContext& c) {
    return std::vector{Type{DType::i64, {c.rank()}}};
  });
  register_op("TestAttributes").input("x").optional_input("y", kAnyType, "")
      .optional_attribute("integer", int64_t{}).optional_attribute("real", double{})
      .optional_attribute("text", std::string()).optional_attribute("dtype", DType::f32)
      .optional_attribute("integers", Ints{}).optional_attribute("reals", Floats{})
      .optional_attribute("texts", Strings{}).optional_attribute("odd name", int64_t{})
      .optional_attribute("tensor", Tensor()).optional_attribute("region", std::shared_ptr<Graph>())
      .indexed([](const OpContext& c, const Scalars& indices) { return c.load(0, indices); })
      .infer([](const OpContext& c) { return std::vector{c.type()}; });
  if (find_op("Constant") == nullptr)
    register_op("Constant").required_attribute("value", Tensor()).infer([](const OpContext& c) {
      return std::vector{type_of(std::get<Tensor>(*c.node().attribute("value")))};
    });
}

void declare_test_ops() {
  [[maybe_unused]] static const bool once = (declare(), true);
}

}  // namespace cnnc

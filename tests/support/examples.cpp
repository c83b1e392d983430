#include "tests/support/examples.h"

#include <cmath>
#include <functional>
#include <random>

namespace cnnc {

// Whole numbers as texts, so that some are equal.
static Tensor random_strings(const Shape& shape, const std::function<double()>& number) {
  Strings texts;
  for (int64_t i = 0; i < element_count(shape); ++i) texts.push_back(std::to_string(static_cast<int64_t>(number())));
  return Tensor::strings(shape, texts);
}

Tensor random_tensor(DType dtype, const Shape& shape, double low, double high, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  Tensor tensor(dtype, shape);
  if (dtype == DType::string) return random_strings(shape, [&] { return uniform(generator); });
  for (int64_t i = 0; i < tensor.size() && !is_complex(dtype); ++i) {
    const double number = uniform(generator);
    if (is_float(dtype))
      tensor.set_double(i, number);
    else
      tensor.set_int(i, static_cast<int64_t>(number));
  }
  if (!is_complex(dtype)) return tensor;
  const DType part = dtype == DType::c64 ? DType::f32 : DType::f64;
  return random_tensor(part, {2 * element_count(shape)}, low, high, seed).viewed_as(dtype, shape);
}

static Shape shape_of(const Type& type, const std::map<std::string, int64_t>& symbols) {
  Shape shape;
  for (const Dim& d : type.dims) shape.push_back(d.evaluate(symbols));
  return shape;
}

ExampleGraph example_graph(const OpDef& op, const Example& example, unsigned seed,
                           const std::map<std::string, int64_t>& symbols) {
  ExampleGraph result;
  result.graph = std::make_unique<Graph>("example");
  std::vector<Value*> operands;
  for (const ExampleOperand& operand : example.operands) {
    if (operand.absent) {
      operands.push_back(nullptr);
    } else if (operand.tensor) {
      operands.push_back(result.graph->constant(*operand.tensor));
    } else {
      operands.push_back(result.graph->add_input(operand.type));
      result.inputs.push_back(random_tensor(operand.type.dtype, shape_of(operand.type, symbols),
                                            operand.low, operand.high, seed++));
    }
  }
  result.node = result.graph->add(op.name(), operands, example.attributes, example.output_count);
  for (size_t i = 0; i < result.node->output_count(); ++i)
    result.graph->add_output(result.node->output(i));
  return result;
}

static bool has_first_axis(const ExampleOperand& operand) {
  return !operand.absent && !operand.tensor && !operand.type.dims.empty();
}

std::optional<int64_t> first_size(const Example& example) {
  for (const ExampleOperand& operand : example.operands)
    if (has_first_axis(operand)) return operand.type.dims[0].value();
  return std::nullopt;
}

std::optional<Example> symbolic_example(const OpDef& op, const Example& example) {
  const std::optional<int64_t> size = first_size(example);
  if (!size) return std::nullopt;
  Example symbolic = example;
  for (ExampleOperand& operand : symbolic.operands)
    if (has_first_axis(operand) && operand.type.dims[0] == *size)
      operand.type.dims[0] = Dim::symbol(kExampleSymbol);
  try {
    example_graph(op, symbolic, 1, {{kExampleSymbol, *size}});
    return symbolic;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::vector<const Tensor*> ExampleGraph::operands() const {
  std::vector<const Tensor*> tensors;
  for (const Value* value : node->inputs()) {
    if (value == nullptr)
      tensors.push_back(nullptr);
    else
      tensors.push_back(value->producer() ? value->constant()
                                          : &inputs[static_cast<size_t>(value->index())]);
  }
  return tensors;
}

static double unit_in_last_place(DType dtype, double value) {
  const int digits = dtype == DType::f64   ? 52
                     : dtype == DType::f32 ? 23
                     : dtype == DType::f16 ? 10
                                           : 7;
  int exponent;
  std::frexp(std::max(std::fabs(value), 1.0), &exponent);
  return std::ldexp(1.0, exponent - 1 - digits);
}

static bool agree(const Tensor& expected, const Tensor& actual, int64_t i, double units) {
  if (!is_float(expected.dtype())) return expected.as_int(i) == actual.as_int(i);
  const double a = expected.as_double(i), b = actual.as_double(i);
  if (a == b || (std::isnan(a) && std::isnan(b))) return true;
  if (!std::isfinite(a) || !std::isfinite(b)) return false;
  return std::fabs(a - b) <= units * unit_in_last_place(expected.dtype(), a);
}

std::string difference(const Tensor& expected, const Tensor& actual, double units) {
  if (type_of(expected) != type_of(actual))
    return cat("expected ", type_of(expected), ", got ", type_of(actual));
  if (is_opaque(expected.dtype()))
    return expected.identical(actual) ? "" : cat("some element of ", type_of(expected), " is another");
  for (int64_t i = 0; i < expected.size(); ++i)
    if (!agree(expected, actual, i, units))
      return cat("element ", i, " of ", type_of(expected), ": expected ", expected.as_double(i),
                 ", got ", actual.as_double(i));
  return "";
}

}  // namespace cnnc

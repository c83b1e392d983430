#include "tests/support/random_inputs.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "ir/error.h"

namespace cnnc {

std::map<std::string, int64_t> small_sizes(const Graph& graph) {
  std::map<std::string, int64_t> sizes;
  int64_t next = 2;
  for (const std::string& name : graph.symbols()) sizes[name] = next++;
  return sizes;
}

Tensor random_tensor(DType dtype, const Shape& shape, uint64_t seed, RandomRange range) {
  Tensor tensor(dtype, shape);
  std::mt19937_64 generator(seed);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const double unit = static_cast<double>(generator() >> 11) * 0x1p-53;
    if (is_float(dtype)) tensor.set_double(i, range.low + unit * (range.high - range.low));
    else tensor.set_int(i, static_cast<int64_t>(unit * (dtype == DType::boolean ? 2 : 8)));
  }
  return tensor;
}

static Tensor known_elements(const Value& value, const Shape& shape, const std::map<std::string, int64_t>& symbols) {
  Tensor tensor(value.dtype(), shape);
  for (int64_t i = 0; i < tensor.size(); ++i)
    tensor.set_int(i, (*value.content())[static_cast<size_t>(i)].evaluate(symbols));
  return tensor;
}

std::vector<Tensor> random_inputs(const Graph& graph, const std::map<std::string, int64_t>& symbols, uint64_t seed,
                                  RandomRange range) {
  std::vector<Tensor> inputs;
  for (const auto& value : graph.inputs()) {
    Shape shape;
    for (const Dim& d : value->type().dims) shape.push_back(d.evaluate(symbols));
    inputs.push_back(value->content() ? known_elements(*value, shape, symbols)
                                      : random_tensor(value->dtype(), shape, seed + inputs.size(), range));
  }
  return inputs;
}

static bool agree(const Tensor& a, const Tensor& b, int64_t i, double tolerance) {
  if (!is_float(a.dtype())) return a.as_int(i) == b.as_int(i);
  const double x = a.as_double(i), y = b.as_double(i);
  if (x == y || (std::isnan(x) && std::isnan(y))) return true;
  return std::fabs(x - y) <= tolerance * std::max(1.0, std::fabs(y));
}

std::string relative_difference(const Tensor& actual, const Tensor& expected, double tolerance) {
  if (type_of(actual) != type_of(expected)) return cat("is ", type_of(actual), ", expected ", type_of(expected));
  for (int64_t i = 0; i < actual.size(); ++i)
    if (!agree(actual, expected, i, tolerance))
      return cat("element ", i, " of ", type_of(actual), " is ", actual.as_double(i), ", expected ",
                 expected.as_double(i));
  return "";
}

}  // namespace cnnc

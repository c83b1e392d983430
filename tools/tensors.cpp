#include "tools/tensors.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>

#include "ir/error.h"
#include "runtime/tensor_file.h"

namespace cnnc::tools {

namespace fs = std::filesystem;

Type type_in_file(const cnnc_tensor_view& tensor, const std::string& path) {
  for (const DType dtype : kAllDTypes)
    if (static_cast<int32_t>(dtype) == tensor.dtype) return {dtype, Dims(tensor.dims, tensor.dims + tensor.rank)};
  throw Error(cat(quoted(path), " has elements of type ", cnnc_dtype_name(tensor.dtype), ", which models here do not have"));
}

Tensor read_tensor(const std::string& path) {
  const auto host = std::make_shared<HostTensor>();
  ErrorText error;
  if (!load_tensor(path.c_str(), host.get(), &error)) throw Error(error.text, Fault::file);
  const Type type = type_in_file(host->view(), path);
  return Tensor(type.dtype, type.shape(), host, host->data);
}

std::vector<Tensor> read_tensors(const std::string& folder, const std::string& prefix) {
  std::vector<Tensor> tensors;
  for (;;) {
    const std::string base = (fs::path(folder) / cat(prefix, "_", tensors.size())).string();
    if (fs::exists(base + ".pb")) tensors.push_back(read_tensor(base + ".pb"));
    else if (fs::exists(base + ".npy")) tensors.push_back(read_tensor(base + ".npy"));
    else return tensors;
  }
}

std::vector<Tensor> random_inputs(const Graph& graph, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::map<std::string, int64_t> sizes;
  for (const std::string& symbol : graph.symbols()) sizes[symbol] = 1;
  std::vector<Tensor> tensors;
  for (const auto& input : graph.inputs()) {
    Shape shape;
    for (const Dim& dim : input->type().dims) shape.push_back(dim.evaluate(sizes));
    Tensor tensor(input->dtype(), shape);
    std::uniform_real_distribution<double> real(-1, 1);
    for (int64_t i = 0; i < tensor.size(); ++i) {
      if (is_float(tensor.dtype())) tensor.set_double(i, real(random));
      else if (tensor.dtype() != DType::string) tensor.set_int(i, static_cast<int64_t>(random() & 1));
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

// ---- comparison ------------------------------------------------------------------------------------------------------

static double largest_magnitude(const Tensor& tensor) {
  double largest = 0;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const double value = std::abs(tensor.as_double(i));
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  return largest;
}

static Difference compare_floats(const Tensor& found, const Tensor& expected, const Tolerance& tolerance) {
  Difference result;
  const double base = tolerance.absolute * largest_magnitude(expected) + 1e-30;
  for (int64_t i = 0; i < found.size(); ++i) {
    const double a = found.as_double(i), b = expected.as_double(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double error = std::abs(a - b);
    const double ratio = std::isfinite(error) ? error / (base + tolerance.relative * std::abs(b)) : INFINITY;
    result.error = std::max(result.error, std::isnan(error) ? INFINITY : error);
    if (ratio <= result.worst) continue;
    result.worst = ratio;
    if (ratio > 1) result.reason = cat("element ", i, " is ", a, ", expected ", b);
  }
  result.fits = result.worst <= 1;
  return result;
}

static Difference compare_exactly(const Tensor& found, const Tensor& expected) {
  for (int64_t i = 0; i < found.size(); ++i) {
    if (found.as_int(i) == expected.as_int(i)) continue;
    const double error = std::abs(found.as_double(i) - expected.as_double(i));
    return {false, INFINITY, error, cat("element ", i, " is ", found.as_int(i), ", expected ", expected.as_int(i))};
  }
  return {};
}

static Difference compare_opaque(const Tensor& found, const Tensor& expected) {
  if (found.identical(expected)) return {};
  return {false, INFINITY, INFINITY, cat("some element of ", type_of(found), " is another")};
}

Difference compare(const Tensor& found, const Tensor& expected, const Tolerance& tolerance) {
  if (found.dtype() != expected.dtype() || found.shape() != expected.shape())
    return {false, INFINITY, INFINITY, cat("is ", type_of(found), ", expected ", type_of(expected))};
  if (is_opaque(found.dtype())) return compare_opaque(found, expected);
  return is_float(found.dtype()) ? compare_floats(found, expected, tolerance) : compare_exactly(found, expected);
}

}  // namespace cnnc::tools

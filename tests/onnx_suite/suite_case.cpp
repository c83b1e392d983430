#include "tests/onnx_suite/suite_case.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ir/error.h"
#include "ir/op_def.h"
#include "runtime/tensor_file.h"

namespace cnnc {

static std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text == "-" ? "" : text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

std::vector<SuiteCase> read_cases(const std::string& folder) {
  std::ifstream index(folder + "/cases.txt");
  if (!index) throw Error(cat("there is no ", folder, "/cases.txt"), Fault::file);
  std::vector<SuiteCase> cases;
  SuiteCase test;
  std::string operators, types;
  while (index >> test.name >> test.rtol >> test.atol >> operators >> types) {
    test.folder = folder + "/" + test.name;
    test.operators = split(operators);
    test.types = split(types);
    cases.push_back(test);
  }
  return cases;
}

static Tensor read_tensor(const std::string& path) {
  HostTensor read;
  ErrorText error;
  if (!load_tensor(path.c_str(), &read, &error)) throw Error(error.text, Fault::file);
  return Tensor::copy_of(static_cast<DType>(read.dtype), Shape(read.dims, read.dims + read.rank), read.data);
}

static std::vector<Tensor> read_tensors(const std::string& prefix) {
  std::vector<Tensor> tensors;
  for (int k = 0;; ++k) {
    const std::string path = cat(prefix, k, ".pb");
    if (!std::filesystem::exists(path)) return tensors;
    tensors.push_back(read_tensor(path));
  }
}

std::vector<SuiteData> read_data(const SuiteCase& test) {
  std::vector<SuiteData> sets;
  for (int k = 0;; ++k) {
    const std::string data = cat(test.folder, "/test_data_set_", k);
    if (!std::filesystem::exists(data)) return sets;
    sets.push_back({read_tensors(data + "/input_"), read_tensors(data + "/output_")});
  }
}

static bool is_close(double actual, double expected, double rtol, double atol) {
  if (std::isnan(expected)) return std::isnan(actual);
  if (std::isinf(expected) || std::isinf(actual)) return actual == expected;
  return std::abs(actual - expected) <= atol + rtol * std::abs(expected);
}

std::string difference(const Tensor& actual, const Tensor& expected, double rtol, double atol) {
  if (actual.dtype() != expected.dtype() || actual.shape() != expected.shape())
    return cat("is ", type_of(actual), ", expected ", type_of(expected));
  if (is_opaque(expected.dtype()))
    return actual.identical(expected) ? "" : cat("of type ", type_of(expected), " has another element");
  if (expected.dtype() == DType::bf16) rtol = std::max(rtol, 0x1p-6);
  for (int64_t i = 0; i < expected.size(); ++i) {
    const bool same = is_float(expected.dtype())
                          ? is_close(actual.as_double(i), expected.as_double(i), rtol, atol)
                          : is_close(actual.as_double(i), expected.as_double(i), rtol, atol) ||
                                actual.as_int(i) == expected.as_int(i);
    if (!same)
      return cat("has ", actual.as_double(i), " at ", i, ", expected ", expected.as_double(i));
  }
  return {};
}

bool has_foreign_types(const SuiteCase& test) {
  return std::any_of(test.types.begin(), test.types.end(), [](const std::string& type) {
    // 0 is an undeclared type.
    return type != "0" &&
           std::none_of(std::begin(kAllDTypes), std::end(kAllDTypes), [&](DType dtype) {
             return type == std::to_string(static_cast<int>(dtype));
           });
  });
}

bool has_undeclared_operators(const SuiteCase& test) {
  return std::any_of(test.operators.begin(), test.operators.end(), [](const std::string& op) {
    const size_t colon = op.rfind(':');
    return find_onnx_op(op.substr(0, colon), op.substr(colon + 1)) == nullptr;
  });
}

}  // namespace cnnc

#include "tests/models/model_case.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "ir/error.h"
#include "runtime/tensor_file.h"

namespace cnnc {

std::vector<std::string> zoo_names() {
  std::ifstream in(CNNC_SOURCE_DIR "/tests/models/zoo.txt");
  std::vector<std::string> names;
  for (std::string name; in >> name;) names.push_back(name);
  return names;
}

static std::string folder_of(const std::string& name) {
  return std::string(CNNC_MODELS) + "/" + name;
}

static std::string data_file(const std::string& name, const char* kind, int number) {
  return cat(folder_of(name), "/test_data_set_0/", kind, "_", number, ".pb");
}

bool has_model(const std::string& name) {
  return std::filesystem::exists(data_file(name, "output", 0));
}

static Tensor read_tensor(const std::string& path) {
  HostTensor read;
  ErrorText error;
  if (!load_tensor(path.c_str(), &read, &error)) throw Error(error.text, Fault::file);
  Tensor tensor(static_cast<DType>(read.dtype), Shape(read.dims, read.dims + read.rank));
  if (read.bytes > 0) std::memcpy(tensor.mutable_raw(), read.data, read.bytes);
  return tensor;
}

static std::vector<Tensor> read_tensors(const std::string& name, const char* kind) {
  std::vector<Tensor> tensors;
  for (int k = 0; std::filesystem::exists(data_file(name, kind, k)); ++k)
    tensors.push_back(read_tensor(data_file(name, kind, k)));
  return tensors;
}

ModelCase read_model(const std::string& name) {
  return {name, folder_of(name) + "/model.onnx", read_tensors(name, "input"),
          read_tensors(name, "output")};
}

static double greatest(const Tensor& tensor) {
  double most = 0;
  for (int64_t i = 0; i < tensor.size(); ++i)
    most = std::max(most, std::fabs(tensor.as_double(i)));
  return most;
}

std::string network_difference(const Tensor& expected, const Tensor& actual) {
  constexpr double kRelative = 1e-3, kOfGreatest = 1e-4;
  if (type_of(expected) != type_of(actual))
    return cat("expected ", type_of(expected), ", got ", type_of(actual));
  const double floor = kOfGreatest * greatest(expected);
  double worst = 1;
  int64_t where = -1;
  for (int64_t i = 0; i < expected.size(); ++i) {
    const double e = expected.as_double(i);
    const double error = std::fabs(actual.as_double(i) - e) / (kRelative * std::fabs(e) + floor);
    if (error <= worst) continue;  // also where both are 0
    if (std::isnan(error) && actual.as_double(i) == e) continue;
    worst = error;
    where = i;
    if (std::isnan(error)) break;
  }
  if (where < 0) return "";
  return cat("element ", where, " of ", type_of(expected), ": expected ",
             expected.as_double(where), ", got ", actual.as_double(where), ", ", worst,
             " times what is allowed");
}

}  // namespace cnnc

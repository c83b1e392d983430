#include "tests/models/model_case.h"

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

}  // namespace cnnc

// A model in a folder with reference inputs and outputs, in the layout of ONNX's own test data.
#pragma once
#include <string>
#include <vector>

#include "ir/graph.h"

namespace cnnc {

struct ModelCase {
  std::string name;
  std::string model;  // the file
  std::vector<Tensor> inputs, outputs;
};

// All models that there should be, from small to large.
std::vector<std::string> zoo_names();
// Whether make_models.py could make it.
bool has_model(const std::string& name);
// Reads its tensors. Throws Error.
ModelCase read_model(const std::string& name);

}  // namespace cnnc

// Trained models as ONNX files.
#pragma once
#include <map>
#include <set>
#include <string>

#include "runtime/tensor.h"

namespace cnnc {

// Names of the initializers of the model's main graph.
std::set<std::string> onnx_initializer_names(const std::string& path);

// Writes the model in `from` to `to` with other content in the initializers named in `weights`,
// whose type and shape stay; BatchNormalization and Dropout get their inference form. Complete or
// not at all. Throws Error.
void save_onnx_weights(const std::string& from, const std::map<std::string, Tensor>& weights,
                       const std::string& to);

}  // namespace cnnc

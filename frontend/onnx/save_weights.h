// Trained models as ONNX files.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/tensor.h"

namespace cnnc {

// Names of the initializers of the model's main graph.
std::set<std::string> onnx_initializer_names(const std::string& path);

// A model file that is ready to be written with other weights.
struct OnnxTemplate {
  std::string bytes;
  // Where the content of initializers lies in `bytes`, in ascending order.
  struct Place {
    std::string name;
    uint64_t offset, bytes;
  };
  std::vector<Place> places;
};

// The model with BatchNormalization and Dropout in their inference form. `places` are those of the
// initializers in `weights`, which have these contents then; their types and shapes stay. Throws
// Error.
OnnxTemplate onnx_template(const std::string& path, const std::map<std::string, Tensor>& weights);

// Writes the model in `from` to `to` with other content in the initializers named in `weights`.
// Complete or not at all. Throws Error.
void save_onnx_weights(const std::string& from, const std::map<std::string, Tensor>& weights,
                       const std::string& to);

}  // namespace cnnc

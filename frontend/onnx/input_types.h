// Types of a model's inputs, from the file and from what the user gives.
#pragma once
#include <string>
#include <vector>

#include "frontend/onnx/import.h"
#include "onnx/onnx_pb.h"

namespace cnnc {

// The type that the file declares. An axis without a size gets the symbol NAME_AXIS. Throws Error
// when the file does not say the element type or, unless `shape` is given, the number of axes.
Type declared_type(const onnx::ValueInfoProto& info, const ImportLimits& limits,
                   const Shape* shape = nullptr);

// Types of the inputs with sizes bound as `options` says. Throws Error (Fault::usage) when they do
// not fit the model.
std::vector<Type> input_types(const std::vector<const onnx::ValueInfoProto*>& inputs,
                              const ImportOptions& options);

}  // namespace cnnc

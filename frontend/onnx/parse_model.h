// Bytes to ONNX's protobuf messages.
#pragma once
#include <string_view>

#include "frontend/onnx/import.h"
#include "onnx/onnx_pb.h"

namespace cnnc {

// Throws Error telling what the bytes look like when they are no ONNX model.
onnx::ModelProto parse_model(std::string_view bytes, const ImportLimits& limits);

}  // namespace cnnc

// Bytes to ONNX's protobuf messages.
#pragma once
#include <functional>
#include <string_view>

#include "frontend/onnx/import.h"
#include "onnx/onnx_pb.h"

namespace cnnc {

// `done` is told how many of the first bytes are not needed any more. Throws Error telling what the
// bytes look like when they are no ONNX model.
onnx::ModelProto parse_model(std::string_view bytes, const ImportLimits& limits,
                             const std::function<void(size_t)>& done = {});

}  // namespace cnnc

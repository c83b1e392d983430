// What a file that is no ONNX model looks like.
#pragma once
#include <string>
#include <string_view>

namespace cnnc {

// "a TensorFlow Lite model", ... with what to do where there is something; empty when the bytes
// look like none of the known formats, so that they may be an ONNX model.
std::string foreign_format(std::string_view bytes);

}  // namespace cnnc

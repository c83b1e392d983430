#include "frontend/onnx/parse_model.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>

#include "frontend/onnx/file_format.h"
#include "ir/error.h"

namespace cnnc {

onnx::ModelProto parse_model(std::string_view bytes, const ImportLimits& limits) {
  if (bytes.empty()) throw Error("the file is empty");
  if (const std::string format = foreign_format(bytes); !format.empty())
    throw Error(cat("not an ONNX model: this is ", format));
  if (static_cast<int64_t>(bytes.size()) > limits.file_bytes)
    throw Error(cat("the file has ", bytes.size(), " bytes, the limit is ", limits.file_bytes,
                    "; save the model with its weights in an external file"),
                Fault::limit);
  // Its complaints would go to stderr; ours tell more.
  const google::protobuf::LogSilencer silence;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  input.SetTotalBytesLimit(static_cast<int>(bytes.size()));
  input.SetRecursionLimit(limits.nesting);
  onnx::ModelProto model;
  if (!model.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage())
    throw Error(cat("not an ONNX model, or a truncated or damaged one, or one nested more than ", limits.nesting,
                    " messages deep: its ", bytes.size(), " bytes are no valid protobuf message"));
  if (!model.has_graph()) throw Error("not an ONNX model, or a truncated one: it holds no graph");
  return model;
}

}  // namespace cnnc

#include "frontend/onnx/parse_model.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream.h>
#include <google/protobuf/stubs/logging.h>

#include <algorithm>

#include "frontend/onnx/file_format.h"
#include "ir/error.h"

namespace cnnc {
namespace {

// Hands the bytes out in blocks and tells when it has gone past one.
class Blocks : public google::protobuf::io::ZeroCopyInputStream {
 public:
  Blocks(std::string_view bytes, const std::function<void(size_t)>& done)
      : bytes_(bytes), done_(done) {}

  bool Next(const void** data, int* size) override {
    if (done_) done_(position_);
    const std::string_view block = bytes_.substr(position_, kBlock);
    *data = block.data();
    *size = static_cast<int>(block.size());
    position_ += block.size();
    return !block.empty();
  }
  void BackUp(int count) override { position_ -= static_cast<size_t>(count); }
  bool Skip(int count) override {
    const size_t step = std::min(static_cast<size_t>(count), bytes_.size() - position_);
    position_ += step;
    return step == static_cast<size_t>(count);
  }
  int64_t ByteCount() const override { return static_cast<int64_t>(position_); }

 private:
  static constexpr size_t kBlock = size_t{1} << 20;
  std::string_view bytes_;
  const std::function<void(size_t)>& done_;
  size_t position_ = 0;
};

}  // namespace

onnx::ModelProto parse_model(std::string_view bytes, const ImportLimits& limits,
                             const std::function<void(size_t)>& done) {
  if (bytes.empty()) throw Error("the file is empty");
  if (const std::string format = foreign_format(bytes); !format.empty())
    throw Error(cat("not an ONNX model: this is ", format));
  if (static_cast<int64_t>(bytes.size()) > limits.file_bytes)
    throw Error(cat("the file has ", bytes.size(), " bytes, the limit is ", limits.file_bytes,
                    "; save the model with its weights in an external file"),
                Fault::limit);
  // Its complaints would go to stderr; ours tell more.
  const google::protobuf::LogSilencer silence;
  Blocks blocks(bytes, done);
  google::protobuf::io::CodedInputStream input(&blocks);
  input.SetTotalBytesLimit(static_cast<int>(bytes.size()));
  input.SetRecursionLimit(limits.nesting);
  onnx::ModelProto model;
  if (!model.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage())
    throw Error(cat("not an ONNX model, or a truncated or damaged one, or one nested more than ",
                    limits.nesting, " messages deep: its ", bytes.size(),
                    " bytes are no valid protobuf message"));
  if (!model.has_graph()) throw Error("not an ONNX model, or a truncated one: it holds no graph");
  return model;
}

}  // namespace cnnc

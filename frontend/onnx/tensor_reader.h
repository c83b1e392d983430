// ONNX's tensors, in all their encodings, to Tensor.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "frontend/onnx/import.h"
#include "frontend/onnx/mapped_file.h"
#include "onnx/onnx_pb.h"

namespace cnnc {

// The element type of ONNX's number, if cnnc has it.
std::optional<DType> dtype_of_onnx(int data_type);
// "float8e4m3fn", or the number when ONNX has no such type.
std::string onnx_type_name(int data_type);

class TensorReader {
 public:
  // External data lies below `folder`; a model without a folder cannot have any.
  TensorReader(std::optional<std::string> folder, const ImportLimits& limits)
      : folder_(std::move(folder)), limits_(limits) {}

  // Takes the data out of `proto` instead of copying them, and gives the same tensor again when
  // asked again; `proto` stays where it is. Throws Error in the tensor's name.
  Tensor read(onnx::TensorProto& proto);
  // Written out densely.
  Tensor read(onnx::SparseTensorProto& proto);

 private:
  Tensor read_new(onnx::TensorProto& proto);
  Tensor read_new(onnx::SparseTensorProto& proto);
  Tensor external(const onnx::TensorProto& proto, DType dtype, Shape shape, size_t bytes);
  template <typename Sizes>
  Shape shape_of(const Sizes& dims, DType dtype) const;

  std::optional<std::string> folder_;
  ImportLimits limits_;
  int64_t sparse_bytes_ = 0;
  std::unordered_map<const void*, Tensor> known_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace cnnc

#include "frontend/onnx/save_weights.h"

#include "frontend/onnx/mapped_file.h"
#include "frontend/onnx/parse_model.h"
#include "ir/error.h"
#include "runtime/file_bytes.h"

namespace cnnc {

static onnx::ModelProto load(const std::string& path) {
  return parse_model(MappedFile::open(path)->bytes(), {});
}

std::set<std::string> onnx_initializer_names(const std::string& path) {
  std::set<std::string> names;
  const onnx::ModelProto model = load(path);
  for (const onnx::TensorProto& tensor : model.graph().initializer())
    names.insert(tensor.name());
  return names;
}

static void set_content(onnx::TensorProto& proto, const Tensor& tensor) {
  proto.clear_float_data();
  proto.clear_double_data();
  proto.clear_int32_data();  // 16-bit floats
  proto.clear_external_data();
  proto.clear_data_location();
  proto.set_raw_data(tensor.raw(), tensor.bytes());
}

static void set_inference_form(onnx::NodeProto& node) {
  if (node.op_type() == "BatchNormalization") {
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.name() != "training_mode" || attribute.i() == 0) continue;
      attribute.set_i(0);
      while (node.output_size() > 1) node.mutable_output()->RemoveLast();
    }
  }
  if (node.op_type() == "Dropout")
    while (node.input_size() > 2) node.mutable_input()->RemoveLast();
}

static void write(const std::string& path, const onnx::ModelProto& model) {
  if (model.ByteSizeLong() > size_t{1} << 31)
    throw Error(cat(quoted(path), ": the model is larger than 2 GB, which ONNX files cannot be"),
                Fault::limit);
  const std::string bytes = model.SerializeAsString();
  FileWriter file;
  ErrorText error;
  if (!file.open(path.c_str(), &error) || !file.write(bytes.data(), bytes.size(), &error) ||
      !file.commit(&error))
    throw Error(error.text, Fault::file);
}

void save_onnx_weights(const std::string& from, const std::map<std::string, Tensor>& weights,
                       const std::string& to) {
  onnx::ModelProto model = load(from);
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer())
    if (const auto it = weights.find(tensor.name()); it != weights.end())
      set_content(tensor, it->second);
  for (onnx::NodeProto& node : *model.mutable_graph()->mutable_node()) set_inference_form(node);
  write(to, model);
}

}  // namespace cnnc

#include "frontend/onnx/save_weights.h"

#include <algorithm>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "frontend/onnx/mapped_file.h"
#include "frontend/onnx/parse_model.h"
#include "ir/error.h"
#include "runtime/file_bytes.h"

namespace cnnc {

static bool may_be_weight(const onnx::TensorProto& tensor) {
  return tensor.dims_size() > 0 &&
         (tensor.data_type() == onnx::TensorProto::FLOAT || tensor.data_type() == onnx::TensorProto::DOUBLE ||
          tensor.data_type() == onnx::TensorProto::FLOAT16 || tensor.data_type() == onnx::TensorProto::BFLOAT16);
}

// Some exporters (Paddle's) write no initializers, but all weights as Constant nodes: these become initializers then.
static void take_weights_of_nodes(onnx::GraphProto& graph) {
  const auto& initializers = graph.initializer();
  if (std::any_of(initializers.begin(), initializers.end(), may_be_weight)) return;
  google::protobuf::RepeatedPtrField<onnx::NodeProto> rest;
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    const bool is_constant = node.op_type() == "Constant" && node.output_size() == 1 && node.attribute_size() == 1;
    if (!is_constant || !node.attribute(0).has_t() || !may_be_weight(node.attribute(0).t())) {
      rest.Add()->Swap(&node);
      continue;
    }
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor.Swap(node.mutable_attribute(0)->mutable_t());
    tensor.set_name(node.output(0));
  }
  graph.mutable_node()->Swap(&rest);
}

static onnx::ModelProto load(const std::string& path) {
  onnx::ModelProto model = parse_model(MappedFile::open(path)->bytes(), {});
  take_weights_of_nodes(*model.mutable_graph());
  return model;
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

static std::string serialized(const std::string& path, const onnx::ModelProto& model) {
  if (model.ByteSizeLong() > size_t{1} << 31)
    throw Error(cat(quoted(path), ": the model is larger than 2 GB, which ONNX files cannot be"),
                Fault::limit);
  return model.SerializeAsString();
}

namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::internal::WireFormatLite;

// Finds the contents of initializers in the bytes of a model.
class PlaceFinder {
 public:
  PlaceFinder(OnnxTemplate& model, const std::map<std::string, Tensor>& weights)
      : model_(model), weights_(weights),
        stream_(reinterpret_cast<const uint8_t*>(model.bytes.data()), static_cast<int>(model.bytes.size())) {}

  void run() {
    each(onnx::ModelProto::kGraphFieldNumber, [this] {
      each(onnx::GraphProto::kInitializerFieldNumber, [this] { tensor(); });
    });
  }

 private:
  // Calls `visit` for each message in this field of the message that the stream is limited to.
  template <typename Visit>
  void each(int field, const Visit& visit) {
    while (const uint32_t tag = stream_.ReadTag()) {
      if (WireFormatLite::GetTagFieldNumber(tag) != field) {
        WireFormatLite::SkipField(&stream_, tag);
        continue;
      }
      const auto limit = stream_.ReadLengthAndPushLimit();
      visit();
      stream_.Skip(stream_.BytesUntilLimit());
      stream_.PopLimit(limit);
    }
  }

  void tensor() {
    OnnxTemplate::Place place{};
    while (const uint32_t tag = stream_.ReadTag()) {
      const int field = WireFormatLite::GetTagFieldNumber(tag);
      if (field != onnx::TensorProto::kNameFieldNumber && field != onnx::TensorProto::kRawDataFieldNumber) {
        WireFormatLite::SkipField(&stream_, tag);
        continue;
      }
      uint32_t size = 0;
      stream_.ReadVarint32(&size);
      const auto offset = static_cast<uint64_t>(stream_.CurrentPosition());
      stream_.Skip(static_cast<int>(size));
      if (field == onnx::TensorProto::kNameFieldNumber) place.name = model_.bytes.substr(offset, size);
      else place.offset = offset, place.bytes = size;
    }
    if (weights_.count(place.name) != 0) model_.places.push_back(place);
  }

  OnnxTemplate& model_;
  const std::map<std::string, Tensor>& weights_;
  CodedInputStream stream_;
};

}  // namespace

OnnxTemplate onnx_template(const std::string& path, const std::map<std::string, Tensor>& weights) {
  onnx::ModelProto model = load(path);
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer())
    if (const auto it = weights.find(tensor.name()); it != weights.end())
      set_content(tensor, it->second);
  for (onnx::NodeProto& node : *model.mutable_graph()->mutable_node()) set_inference_form(node);
  OnnxTemplate result{serialized(path, model), {}};
  PlaceFinder(result, weights).run();
  return result;
}

void save_onnx_weights(const std::string& from, const std::map<std::string, Tensor>& weights,
                       const std::string& to) {
  const std::string bytes = onnx_template(from, weights).bytes;
  FileWriter file;
  ErrorText error;
  if (!file.open(to.c_str(), &error) || !file.write(bytes.data(), bytes.size(), &error) ||
      !file.commit(&error))
    throw Error(error.text, Fault::file);
}

}  // namespace cnnc

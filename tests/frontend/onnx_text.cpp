#include "tests/frontend/onnx_text.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "ir/error.h"
#include "onnx/defs/parser.h"

namespace cnnc {

onnx::ModelProto onnx_model_text(const std::string& text) {
  onnx::ModelProto model;
  const auto status = onnx::OnnxParser::Parse(model, text.c_str());
  if (!status.IsOK()) throw std::runtime_error(status.ErrorMessage());
  return model;
}

onnx::ModelProto onnx_model(const std::string& graph, int opset) {
  return onnx_model_text("<ir_version: 10, opset_import: [\"\" : " + std::to_string(opset) +
                         "]>\n" + graph);
}

std::unique_ptr<Graph> import_model(const onnx::ModelProto& model, const ImportOptions& options) {
  return import_onnx_bytes(model.SerializeAsString(), "test.onnx", options);
}

template <typename Import>
static std::string message_of(const Import& import) {
  try {
    import();
  } catch (const Error& e) {
    return e.message();
  }
  return "imported";
}

std::string import_error(const onnx::ModelProto& model, const ImportOptions& options) {
  return import_error(model.SerializeAsString(), options);
}

std::string import_error(const std::string& bytes, const ImportOptions& options) {
  return message_of([&] { import_onnx_bytes(bytes, "test.onnx", options); });
}

std::string import_file_error(const std::string& path, const ImportOptions& options) {
  return message_of([&] { import_onnx_file(path, options); });
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "cnnc_test_XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, const std::string& bytes) const {
  std::ofstream(path(name), std::ios::binary) << bytes;
  return path(name);
}

}  // namespace cnnc

// Small ONNX models for tests, written in ONNX's own text form.
#pragma once
#include <memory>
#include <string>

#include "frontend/onnx/import.h"
#include "onnx/onnx_pb.h"

namespace cnnc {

// A model of IR version 10 and opset 21 around the text of one graph.
onnx::ModelProto onnx_model(const std::string& graph, int opset = 21);
// The text of a whole model: header, graph, functions.
onnx::ModelProto onnx_model_text(const std::string& text);

std::unique_ptr<Graph> import_model(const onnx::ModelProto& model,
                                    const ImportOptions& options = {});
// The message of the Error that import throws, or "imported" when it throws none.
std::string import_error(const onnx::ModelProto& model, const ImportOptions& options = {});
std::string import_error(const std::string& bytes, const ImportOptions& options = {});
std::string import_file_error(const std::string& path, const ImportOptions& options = {});

// A folder for the files of one test, removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  // Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& bytes) const;

 private:
  std::string path_;
};

}  // namespace cnnc

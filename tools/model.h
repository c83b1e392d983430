// Models in files, whatever their form.
#pragma once
#include <memory>

#include "ir/graph.h"
#include "tools/options.h"

namespace cnnc::tools {

// Reads an ONNX file, or a graph as text.
std::unique_ptr<Graph> load_model(const std::string& path, const ImportOptions& options);

// The model with the sizes that a run with these flags has: those of the given inputs, 1 for symbols that nothing decides.
std::unique_ptr<Graph> load_specialised(const ModelOptions& model, const std::vector<std::string>& inputs);

// The whole of a file; throws Error (Fault::file).
std::string read_text(const std::string& path);
// Writes a file, or standard output when `path` is "" or "-"; complete or not at all.
void write_text(const std::string& path, const std::string& text);

// The folder with the archives that compiled models are linked with, beside this program.
std::string library_folder();

}  // namespace cnnc::tools

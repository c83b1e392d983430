#include "tools/model.h"

#include <cstdio>
#include <filesystem>
#include <map>

#include "ir/error.h"
#include "runtime/file_bytes.h"
#include "runtime/tensor_file.h"

namespace cnnc::tools {

namespace fs = std::filesystem;

// ---- files -----------------------------------------------------------------------------------------------------------

std::string read_text(const std::string& path) {
  FileBytes bytes;
  ErrorText error;
  if (!bytes.read(path.c_str(), &error)) throw Error(error.text, Fault::file);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void write_text(const std::string& path, const std::string& text) {
  if (path.empty() || path == "-") {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      throw Error("cannot write to standard output", Fault::file);
    return;
  }
  FileWriter file;
  ErrorText error;
  if (!file.open(path.c_str(), &error) || !file.write(text.data(), text.size(), &error) || !file.commit(&error))
    throw Error(error.text, Fault::file);
}

std::string library_folder() {
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  if (code) throw Error(cat("cannot find this program's folder: ", code.message()), Fault::file);
  return (program.parent_path().parent_path() / "lib").string();
}

// ---- models ----------------------------------------------------------------------------------------------------------

static bool is_text_graph(const std::string& path) { return fs::path(path).extension() == ".cnnir"; }

static std::unique_ptr<Graph> load_text_graph(const std::string& path, const ImportOptions& options) {
  if (!options.dims.empty() || !options.shapes.empty())
    throw Error("--dim and --shape need an ONNX model; a text graph has its sizes written in it", Fault::usage);
  try {
    auto graph = parse_graph(read_text(path));
    verify(*graph);
    return graph;
  } catch (Error& error) {
    if (error.fault() == Fault::model) error.while_doing("reading " + quoted(path));
    throw;
  }
}

std::unique_ptr<Graph> load_model(const std::string& path, const ImportOptions& options) {
  if (fs::is_directory(path) && fs::exists(fs::path(path) / "model.onnx"))
    throw Error(cat(quoted(path), " is a folder; name its model: ", (fs::path(path) / "model.onnx").string()), Fault::file);
  return is_text_graph(path) ? load_text_graph(path, options) : import_onnx_file(path, options);
}

// ---- sizes of a run --------------------------------------------------------------------------------------------------

static std::string input_file(const std::string& folder, size_t index) {
  for (const char* ending : {".pb", ".npy"}) {
    const fs::path path = fs::path(folder) / cat("input_", index, ending);
    if (fs::exists(path)) return path;
  }
  return "";
}

// The file of every input that `inputs` gives, by name.
static std::map<std::string, std::string> input_files(const Graph& graph, const std::vector<std::string>& inputs) {
  std::map<std::string, std::string> files;
  for (const std::string& source : inputs) {
    const size_t equals = source.find('=');
    if (equals != std::string::npos && !fs::is_directory(source)) {
      files[source.substr(0, equals)] = source.substr(equals + 1);
      continue;
    }
    for (const auto& input : graph.inputs()) {
      const std::string file = input_file(source, static_cast<size_t>(input->index()));
      if (!file.empty()) files[input->name()] = file;
    }
  }
  return files;
}

// Only shapes that fit are taken over; what does not fit is for the run to report, in full.
static void take_shapes(const Graph& graph, const std::vector<std::string>& inputs, ImportOptions& options) {
  const auto files = input_files(graph, inputs);
  for (const auto& input : graph.inputs()) {
    const auto file = files.find(input->name());
    if (file == files.end() || options.shapes.count(input->name()) != 0) continue;
    HostTensor tensor;
    ErrorText ignored;
    const bool known = fs::path(file->second).extension() == ".pb" || fs::path(file->second).extension() == ".npy";
    if (!known || !load_tensor(file->second.c_str(), &tensor, &ignored) || tensor.rank != input->rank()) continue;
    Shape shape(tensor.dims, tensor.dims + tensor.rank);
    for (int axis = 0; axis < input->rank(); ++axis)
      if (input->dim(axis).is_const()) shape[static_cast<size_t>(axis)] = -1;
    options.shapes[input->name()] = shape;
  }
}

std::unique_ptr<Graph> load_specialised(const ModelOptions& model, const std::vector<std::string>& inputs) {
  ImportOptions options = model.import_options();
  auto graph = load_model(model.path, options);
  if (is_text_graph(model.path) || graph->symbols().empty()) return graph;
  options.warn = nullptr;  // said already
  take_shapes(*graph, inputs, options);
  graph = load_model(model.path, options);
  for (const std::string& symbol : graph->symbols()) options.dims.emplace(symbol, 1);
  return graph->symbols().empty() ? std::move(graph) : load_model(model.path, options);
}

}  // namespace cnnc::tools

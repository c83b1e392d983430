#include "frontend/onnx/import.h"

#include <new>
#include <set>

#include "frontend/onnx/graph_importer.h"
#include "frontend/onnx/mapped_file.h"
#include "frontend/onnx/parse_model.h"
#include "ir/error.h"

namespace cnnc {

// Calls `import`, with faults reported in the file's name.
template <typename Import>
static auto naming_file(const std::string& name, const Import& import) {
  const std::string shown = quoted(name);
  const std::string prefix = shown.substr(1, shown.size() - 2) + ": ";
  try {
    return import();
  } catch (const Error& e) {
    throw Error(prefix + e.message(), e.fault());
  } catch (const std::bad_alloc&) {
    throw Error(prefix + "not enough memory to import the model", Fault::limit);
  }
}

static ImportOptions with_prefix(ImportOptions options, const std::string& name) {
  if (options.warn)
    options.warn = [name, warn = options.warn](const std::string& message) {
      warn(name + ": " + message);
    };
  return options;
}

std::unique_ptr<Graph> import_onnx_file(const std::string& path, const ImportOptions& options) {
  return naming_file(path, [&] {
    const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
    // Parsing copies the weights; letting the file go meanwhile keeps them from being in memory
    // twice.
    onnx::ModelProto model =
        parse_model(file->bytes(), options.limits, [&](size_t done) { file->release(done); });
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    const ImportOptions named = with_prefix(options, path);
    return GraphImporter(model, folder, named).import_model();
  });
}

std::unique_ptr<Graph> import_onnx_bytes(std::string_view bytes, const std::string& name,
                                         const ImportOptions& options) {
  return naming_file(name, [&] {
    onnx::ModelProto model = parse_model(bytes, options.limits);
    const ImportOptions named = with_prefix(options, name);
    return GraphImporter(model, std::nullopt, named).import_model();
  });
}

std::vector<std::string> onnx_input_names(const std::string& path) {
  return naming_file(path, [&] {
    const onnx::ModelProto model = parse_model(MappedFile::open(path)->bytes(), {});
    std::set<std::string> initialized;
    for (const auto& tensor : model.graph().initializer()) initialized.insert(tensor.name());
    for (const auto& tensor : model.graph().sparse_initializer())
      initialized.insert(tensor.values().name());
    std::vector<std::string> names;
    for (const auto& input : model.graph().input())
      if (initialized.count(input.name()) == 0) names.push_back(input.name());
    return names;
  });
}

}  // namespace cnnc

// cnnc compile: a model becomes a file.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>

#include "codegen/link.h"
#include "ir/dot.h"
#include "ir/error.h"
#include "tools/commands.h"
#include "tools/compile_trainer.h"
#include "tools/model.h"
#include "tools/progress.h"

namespace cnnc::tools {

namespace fs = std::filesystem;

namespace {

struct CompileCommand {
  ModelOptions model;
  BuildFlags build;
  TrainerFlags trainer;
  std::string output, name, precision = "f32";
  std::vector<std::string> emit = {"exe"};
  bool is_static = false, as_json = false;
  int threads = 0;

  void run();

 private:
  std::string symbol_name() const { return name.empty() ? codegen::c_identifier(base_name()) : name; }
  std::string base_name() const;
  std::string path_of(const std::string& kind) const;
  codegen::LinkOptions link_options(const std::string& kind) const;
  void write_trainer();
  void write_program(const codegen::CompiledModel& compiled, const std::string& kind) const;
  void written(const std::string& kind, const std::string& path);
  void print_files() const;

  nlohmann::json files_ = nlohmann::json::array();
};

const std::map<std::string, codegen::Artefact> kPrograms = {{"exe", codegen::Artefact::executable},
                                                            {"so", codegen::Artefact::shared_library},
                                                            {"a", codegen::Artefact::archive},
                                                            {"obj", codegen::Artefact::object}};
const std::map<std::string, std::string> kEndings = {{"exe", ""},       {"so", ".so"},   {"a", ".a"},
                                                     {"obj", ".o"},     {"h", ".h"},     {"ir", ".cnnir"},
                                                     {"llvm", ".ll"},   {"asm", ".s"},   {"dot", ".dot"}};

// A folder .../resnet50/model.onnx is called resnet50.
std::string CompileCommand::base_name() const {
  const fs::path path = output.empty() || output == "-" ? fs::path(model.path) : fs::path(output);
  std::string stem = path.stem();
  if (output.empty() && stem == "model") {
    const fs::path folder = fs::absolute(path).parent_path().filename();
    if (!folder.empty()) stem = folder;
  }
  if (!output.empty() && stem.size() > 3 && stem.rfind("lib", 0) == 0) stem = stem.substr(3);
  return stem;
}

// -o names the one file that is asked for; of several it names all but the ending.
std::string CompileCommand::path_of(const std::string& kind) const {
  if (emit.size() == 1 && !output.empty()) return output;
  const bool text = kPrograms.count(kind) == 0;
  if (text && emit.size() == 1) return "-";
  if (output.empty()) return base_name() + kEndings.at(kind);
  fs::path path = output;
  if (path.extension() == ".so" || path.extension() == ".a" || path.extension() == ".o") path.replace_extension();
  return path.string() + kEndings.at(kind);
}

void CompileCommand::written(const std::string& kind, const std::string& path) {
  if (path == "-") return;
  if (!fs::is_regular_file(path)) return files_.push_back({{"kind", kind}, {"path", path}});  // a device has no size
  const auto bytes = fs::file_size(path);
  files_.push_back({{"kind", kind}, {"path", path}, {"bytes", bytes}});
  if (model.quiet || as_json) return;
  if (bytes < 100'000) std::fprintf(stderr, "%s: %.1f kB\n", path.c_str(), static_cast<double>(bytes) / 1e3);
  else std::fprintf(stderr, "%s: %.1f MB\n", path.c_str(), static_cast<double>(bytes) / 1e6);
}

void CompileCommand::print_files() const {
  const nlohmann::json all = {{"schema", 1}, {"files", files_}};
  if (as_json) std::printf("%s\n", all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

codegen::LinkOptions CompileCommand::link_options(const std::string& kind) const {
  codegen::LinkOptions options;
  options.artefact = kPrograms.at(kind);
  options.is_static = is_static && kind == "exe";
  options.name = symbol_name();
  options.library_folder = library_folder();
  return options;
}

void CompileCommand::write_program(const codegen::CompiledModel& compiled, const std::string& kind) const {
  codegen::link(compiled, path_of(kind), link_options(kind));
}

void CompileCommand::write_trainer() {
  if (emit != std::vector<std::string>{"exe"}) throw Error("--train makes executables only; leave out --emit", Fault::usage);
  const Progress progress(model.quiet);
  progress.say("compiling the training of " + model.path);
  compile_trainer(trainer, model, build.build_options(), path_of("exe"), link_options("exe"));
  progress.clear();
  written("exe", path_of("exe"));
  print_files();
}

void CompileCommand::run() {
  if (is_static && std::find(emit.begin(), emit.end(), "exe") == emit.end())
    throw Error("--static is for executables", Fault::usage);
  if (is_static && build.kernels == "auto") build.kernels = "llvm";
  if (trainer.trains) return write_trainer();
  const bool text_on_stdout = emit.size() == 1 && (output.empty() || output == "-") && kPrograms.count(emit[0]) == 0;
  if (as_json && text_on_stdout) throw Error("--json needs -o FILE: the text goes to standard output", Fault::usage);
  codegen::BuildOptions options = build.build_options();
  options.compile.threads = threads;
  const Progress progress(model.quiet);
  progress.say("importing " + model.path);
  std::unique_ptr<Graph> graph = load_model(model.path, model.import_options());
  // The header tells what the model declares, before passes.
  const bool is_library = std::any_of(emit.begin(), emit.end(), [](const auto& e) { return e == "so" || e == "a" || e == "obj"; });
  const bool wants_header = is_library || std::find(emit.begin(), emit.end(), "h") != emit.end();
  const std::string header = wants_header ? codegen::c_header(*graph, symbol_name()) : "";
  progress.say("optimising");
  const codegen::BuildReport report = codegen::optimize(*graph, options);
  progress.clear();
  build.report(report);

  const std::map<std::string, std::function<std::string()>> texts = {
      {"h", [&] { return header; }},
      {"ir", [&] { return print(*graph, {.max_elements = 16}); }},
      {"dot", [&] { return dot_text(*graph); }},
      {"llvm", [&] { return codegen::llvm_text(*graph, options.compile); }},
      {"asm", [&] { return codegen::assembly_text(*graph, options.compile); }}};
  std::vector<std::string> programs;
  for (const std::string& kind : emit) {
    if (kPrograms.count(kind) != 0) programs.push_back(kind);
    else write_text(path_of(kind), texts.at(kind)()), written(kind, path_of(kind));
  }
  if (programs.empty()) return print_files();
  if (report.stopped) throw Error("a graph that stops early has no kernels; use --emit=ir", Fault::usage);
  progress.say("generating code");
  const codegen::CompiledModel compiled = codegen::compile(*graph, options.compile, codegen::ObjectKind::linked);
  graph.reset();  // the compiled model has all it needs, and weights are large
  progress.say("linking");
  for (const std::string& kind : programs) write_program(compiled, kind);
  progress.clear();
  for (const std::string& kind : programs) written(kind, path_of(kind));
  if (is_library && std::find(emit.begin(), emit.end(), "h") == emit.end()) {
    const std::string header_path = fs::path(path_of(programs.front())).replace_extension(".h");
    write_text(header_path, header);
    written("h", header_path);
  }
  print_files();
}

}  // namespace

void add_compile(CLI::App& app, CommandStatus&) {
  auto command = std::make_shared<CompileCommand>();
  CLI::App* sub = app.add_subcommand("compile", "make an executable, a library or an object of a model");
  command->model.add_to(*sub);
  command->build.add_to(*sub);
  sub->add_option("-o,--output", command->output, "file to write; of several, without the ending")->type_name("FILE");
  std::vector<std::string> kinds;
  for (const auto& [kind, ending] : kEndings) kinds.push_back(kind);
  sub->add_option("--emit", command->emit, "exe, so, a, obj, h, ir, llvm, asm, dot; several with commas")
      ->delimiter(',')->check(CLI::IsMember(kinds))->allow_extra_args(false)->capture_default_str();
  sub->add_flag("--static", command->is_static, "an executable that needs nothing at run time");
  sub->add_option("--name", command->name, "of the C symbols: cnnc_model_NAME; default: from the file's name");
  sub->add_flag("--json", command->as_json, "the files that were written, as one JSON object");
  sub->add_option("--threads", command->threads, "of a run that does not say --threads; default: what its machine grants")
      ->check(CLI::Range(1, 1024))->type_name("N");
  command->trainer.add_to(*sub);
  sub->add_option("--precision", command->precision, "f32: every operator computes as the model says")
      ->check(CLI::IsMember({"f32", "auto"}));
  sub->callback([command] { command->run(); });
}

}  // namespace cnnc::tools

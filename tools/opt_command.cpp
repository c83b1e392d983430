// cnnc opt and cnnc --dump-ir: graphs in, graphs out.
#include <algorithm>
#include <cstdio>

#include "ir/dot.h"
#include "ir/error.h"
#include "passes/passes.h"
#include "tools/commands.h"
#include "tools/graph_json.h"
#include "tools/model.h"

namespace cnnc::tools {

namespace {

std::string text_of(const Graph& graph, const std::string& format, int64_t max_elements) {
  if (format == "dot") return dot_text(graph);
  if (format == "json") return graph_json(graph);
  return print(graph, {.max_elements = max_elements});
}

struct OptCommand {
  ModelOptions model;
  BuildFlags build;
  std::vector<std::string> passes;
  std::string output, format = "text";
  int64_t max_elements = 16;

  void opt();
  void dump();

 private:
  bool dumps_import();
};

// The named passes in their order, or all that a compilation runs before it chooses kernels.
void OptCommand::opt() {
  const codegen::BuildOptions options = build.build_options();
  const std::unique_ptr<Graph> graph = load_model(model.path, model.import_options());
  Stage stage;
  for (const std::string& name : passes) stage.passes.push_back(pass_named(name));
  const Pipeline pipeline = passes.empty() ? codegen::build_pipeline(options.compile) : Pipeline{stage};
  const std::unique_ptr<Target> target = codegen::make_target(options.compile.target);
  PassManager manager(pipeline, options.passes, *target);
  manager.run(*graph);
  build.report({manager.stopped(), manager.statistics(), manager.bisectable_runs(), manager.last_bisectable()});
  write_text(output, text_of(*graph, format, max_elements));
}

// Whether `import` is among what to dump; it is no pass.
bool OptCommand::dumps_import() {
  const auto end = std::remove(build.dump_ir.begin(), build.dump_ir.end(), "import");
  const bool found = end != build.dump_ir.end();
  build.dump_ir.erase(end, build.dump_ir.end());
  return found;
}

void OptCommand::dump() {
  const bool import = dumps_import();
  codegen::BuildOptions options = build.build_options();
  const std::unique_ptr<Graph> graph = load_model(model.path, model.import_options());
  if (import && build.stop_after.empty()) write_text(output, text_of(*graph, format, max_elements));
  if (build.dump_ir.empty() && build.stop_after.empty()) return;
  std::string dumped;
  const bool comments = format == "text";
  options.passes.dump = [&](const std::string& when, const Graph& g) {
    dumped += (comments ? "// " + when + "\n" : "") + text_of(g, format, max_elements);
  };
  build.report(codegen::optimize(*graph, options));
  if (!build.stop_after.empty() && build.dump_ir.empty()) dumped = text_of(*graph, format, max_elements);
  write_text(output, dumped);
}

std::shared_ptr<OptCommand> declare(CLI::App& sub) {
  auto command = std::make_shared<OptCommand>();
  command->model.add_to(sub);
  command->build.add_to(sub);
  sub.add_option("-o,--output", command->output, "file to write; default: standard output")->type_name("FILE");
  sub.add_option("--format", command->format, "text, dot or json")
      ->check(CLI::IsMember({"text", "dot", "json"}))->capture_default_str();
  sub.add_option("--max-elements", command->max_elements, "larger constants are printed as a hash; -1: none is")
      ->capture_default_str();
  return command;
}

}  // namespace

void add_opt(CLI::App& app, CommandStatus&) {
  CLI::App* sub = app.add_subcommand("opt", "run passes on a graph and print it");
  auto command = declare(*sub);
  sub->add_option("--passes", command->passes, "which, in order; default: all of a compilation")
      ->delimiter(',')->allow_extra_args(false)->type_name("PASS,...");
  sub->callback([command] { command->opt(); });
}

void add_dump(CLI::App& app, CommandStatus&) {
  CLI::App* sub = app.add_subcommand("dump", "what cnnc --dump-ir is short for")->group("");
  auto command = declare(*sub);
  sub->callback([command] { command->dump(); });
}

}  // namespace cnnc::tools

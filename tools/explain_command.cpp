// cnnc explain: what every node became, which kernel computes it, and why the others do not.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

#include "ir/error.h"
#include "ir/op_def.h"
#include "tools/commands.h"
#include "tools/model.h"

namespace cnnc::tools {

using codegen::KernelChoice;
using nlohmann::json;

namespace {

struct ExplainCommand {
  ModelOptions model;
  BuildFlags build;
  std::string node;  // only nodes that stand for this one
  bool as_json = false;

  void run() const;

 private:
  bool asked(const Node& n) const;
};

std::string chosen(const std::vector<KernelChoice>& choices) {
  const auto it = std::find_if(choices.begin(), choices.end(), [](const KernelChoice& c) { return c.refusal.empty(); });
  return it == choices.end() ? "none" : it->candidate;
}

json explained(const Node& node, const std::vector<KernelChoice>& choices) {
  json candidates = json::array(), types = json::array();
  for (const KernelChoice& c : choices)
    candidates.push_back({{"kernel", c.candidate}, {"accepts", c.refusal.empty()}, {"reason", c.refusal}});
  for (size_t i = 0; i < node.output_count(); ++i) types.push_back(node.output(i)->type().str());
  return {{"op", node.op_name()}, {"origins", node.origins()}, {"outputs", types},
          {"kernel", chosen(choices)}, {"candidates", candidates}};
}

void print_node(const json& node) {
  std::string origins;
  for (const json& origin : node["origins"]) origins += (origins.empty() ? "" : " + ") + origin.get<std::string>();
  std::printf("%s  %s -> %s\n  kernel %s\n", cnnc::quoted(origins).c_str(), node["op"].get<std::string>().c_str(),
              node["outputs"].empty() ? "" : node["outputs"][0].get<std::string>().c_str(),
              node["kernel"].get<std::string>().c_str());
  for (const json& c : node["candidates"])
    if (!c["accepts"].get<bool>())
      std::printf("    not %s: %s\n", c["kernel"].get<std::string>().c_str(), c["reason"].get<std::string>().c_str());
}

bool ExplainCommand::asked(const Node& n) const {
  if (n.is("Constant") || n.op().is_view()) return false;
  return node.empty() || std::count(n.origins().begin(), n.origins().end(), node) > 0;
}

void ExplainCommand::run() const {
  const codegen::BuildOptions options = build.build_options();
  const std::unique_ptr<Graph> graph = load_model(model.path, model.import_options());
  // Candidates are asked before kernels are chosen, for that changes the graph.
  Pipeline pipeline = codegen::build_pipeline(options.compile);
  pipeline.pop_back();
  const std::unique_ptr<Target> target = codegen::make_target(options.compile.target);
  PassManager passes(pipeline, options.passes, *target);
  passes.run(*graph);
  json nodes = json::array(), log = json::array();
  for (const auto& n : graph->nodes())
    if (asked(*n)) nodes.push_back(explained(*n, codegen::kernel_candidates(*n, options.compile)));
  for (const PassStatistics& s : passes.statistics())
    log.push_back({{"pass", s.name}, {"runs", s.runs}, {"changes", s.changes}, {"seconds", s.seconds}});
  if (nodes.empty() && !node.empty()) throw Error(cat("no node comes from ", quoted(node)), Fault::usage);
  if (as_json) {
    const json all = {{"schema", 1}, {"nodes", nodes}, {"passes", log}};
    std::printf("%s\n", all.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
    return;
  }
  for (const json& n : nodes) print_node(n);
  std::printf("passes:\n");
  for (const PassStatistics& s : passes.statistics())
    std::printf("  %-24s %d of %d runs changed the graph, %.1f ms\n", s.name.c_str(), s.changes, s.runs, s.seconds * 1e3);
}

}  // namespace

void add_explain(CLI::App& app, CommandStatus&) {
  auto command = std::make_shared<ExplainCommand>();
  CLI::App* sub = app.add_subcommand("explain", "tell what each node became, and which kernel computes it and why");
  command->model.add_to(*sub);
  command->build.add_to(*sub);
  sub->add_option("--node", command->node, "only what this node of the model became")->type_name("NAME");
  sub->add_flag("--json", command->as_json, "one JSON object");
  sub->callback([command] { command->run(); });
}

}  // namespace cnnc::tools

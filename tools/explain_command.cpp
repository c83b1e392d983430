// cnnc explain: what every node became, what it costs, which kernel computes it, and why the others do not.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

#include "codegen/cost.h"
#include "ir/error.h"
#include "ir/op_def.h"
#include "tools/commands.h"
#include "tools/model.h"
#include "tools/roofline.h"
#include "tools/suggest.h"

namespace cnnc::tools {

using codegen::KernelChoice;
using nlohmann::json;

namespace {

struct ExplainCommand {
  ModelOptions model;
  BuildFlags build;
  std::string node;  // only nodes that stand for this one
  bool as_json = false, profile = false;
  int threads = 1;

  void run() const;

 private:
  bool asked(const Node& n) const;
  json profiled() const;
};

std::string chosen(const std::vector<KernelChoice>& choices) {
  const auto it = std::find_if(choices.begin(), choices.end(), [](const KernelChoice& c) { return c.refusal.empty(); });
  return it == choices.end() ? "none" : it->candidate;
}

json size_of(const Dim& size) { return size.is_const() ? json(size.value()) : json(size.str()); }

json explained(const Node& node, const std::vector<KernelChoice>& choices) {
  json candidates = json::array(), types = json::array();
  for (const KernelChoice& c : choices)
    candidates.push_back({{"kernel", c.candidate}, {"accepts", c.refusal.empty()}, {"reason", c.refusal}});
  for (size_t i = 0; i < node.output_count(); ++i) types.push_back(node.output(i)->type().str());
  return {{"op", node.op_name()}, {"origins", node.origins().names()}, {"outputs", types},
          {"flops", size_of(codegen::flops_of(node))}, {"bytes", size_of(codegen::bytes_of(node))},
          {"kernel", chosen(choices)}, {"candidates", candidates}};
}

// "1.2 M" for a number; an expression over symbols as it is.
std::string amount(const json& size) {
  if (size.is_string()) return size.get<std::string>() + " ";
  const char* unit = "";
  auto value = size.get<double>();
  for (const char* larger : {"k", "M", "G", "T"})
    if (value >= 1000) value /= 1000, unit = larger;
  char text[32];
  std::snprintf(text, sizeof text, *unit ? "%.1f %s" : "%.0f %s", value, unit);
  return text;
}

std::string joined(const json& list, const char* between) {
  std::string text;
  for (const json& item : list) text += (text.empty() ? "" : between) + item.get<std::string>();
  return text;
}

// Candidates in the order in which they are asked; neighbours with the same reason share a line.
void print_candidates(const json& candidates) {
  bool chosen = false;
  std::string names;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const json& c = candidates[i];
    const auto name = c["kernel"].get<std::string>(), reason = c["reason"].get<std::string>();
    if (c["accepts"].get<bool>()) {
      std::printf("    %s: %s\n", name.c_str(), chosen ? "accepts, but comes later" : "chosen, the first that accepts");
      chosen = true;
      continue;
    }
    names += (names.empty() ? "" : ", ") + name;
    if (i + 1 < candidates.size() && candidates[i + 1]["reason"] == reason) continue;
    std::printf("    not %s: %s\n", names.c_str(), reason.c_str());
    names.clear();
  }
}

// Without the constants that went into it, unless it is nothing else.
json computed(const json& origins) {
  json result = json::array();
  for (const json& origin : origins)
    if (origin.get<std::string>().rfind("Constant:", 0) != 0) result.push_back(origin);
  return result.empty() ? origins : result;
}

void print_node(const json& node) {
  const json outputs = node["outputs"].empty() ? json::array() : json::array({node["outputs"][0]});
  std::printf("%s  %s -> %s\n  kernel %s, %sFLOP, %sB\n", cnnc::quoted(joined(computed(node["origins"]), " + ")).c_str(),
              node["op"].get<std::string>().c_str(), joined(outputs, "").c_str(),
              node["kernel"].get<std::string>().c_str(), amount(node["flops"]).c_str(), amount(node["bytes"]).c_str());
  print_candidates(node["candidates"]);
}

bool ExplainCommand::asked(const Node& n) const {
  if (n.is("Constant") || n.op().is_view()) return false;
  return node.empty() || n.origins().contains(node);
}

std::vector<std::string> origins_of(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& n : graph.nodes()) {
    const Strings of_node = n->origins().names();
    names.insert(names.end(), of_node.begin(), of_node.end());
  }
  return names;
}

// Times of the steps of the whole model beside what this machine could do.
json ExplainCommand::profiled() const {
  constexpr int kRuns = 10;
  const std::unique_ptr<Graph> graph = load_model(model.path, model.import_options());
  const Roofline roofline = measure_roofline(build, threads);
  const Session session(*graph, build, {threads, true});
  json steps = json::array();
  for (const StepProfile& s : profile_steps(session, kRuns))
    steps.push_back({{"name", s.name}, {"kernel", s.kernel}, {"sources", s.sources}, {"ns", s.ns}, {"flops", s.flops},
                     {"bytes", s.bytes}, {"share_of_roofline", s.share_of(roofline)}});
  return {{"threads", threads}, {"gflops", roofline.flops}, {"gbytes", roofline.bytes}, {"steps", steps}};
}

void print_profile(const json& profile) {
  std::printf("roofline of %d thread(s), measured: %.0f GFLOP/s, %.1f GB/s\n", profile["threads"].get<int>(),
              profile["gflops"].get<double>(), profile["gbytes"].get<double>());
  std::printf("%10s %9s %9s %9s  %-18s step\n", "us/run", "GFLOP/s", "GB/s", "roofline", "kernel");
  for (const json& s : profile["steps"]) {
    const double ns = std::max(s["ns"].get<double>(), 1.0);
    std::printf("%10.1f %9.1f %9.1f %8.0f%%  %-18s %s\n", ns / 1e3, s["flops"].get<double>() / ns,
                s["bytes"].get<double>() / ns, 100 * s["share_of_roofline"].get<double>(),
                s["kernel"].get<std::string>().c_str(), s["name"].get<std::string>().c_str());
  }
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
  if (nodes.empty() && !node.empty())
    throw Error(cat("no computed node comes from ", quoted(node), suggestion(node, origins_of(*graph))), Fault::usage);
  if (as_json) {
    json all = {{"schema", 1}, {"nodes", nodes}, {"passes", log}};
    if (profile) all["profile"] = profiled();
    std::printf("%s\n", all.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
    return;
  }
  for (const json& n : nodes) print_node(n);
  if (profile) print_profile(profiled());
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
  sub->add_flag("--profile", command->profile, "run it, and compare each step with the roofline of this machine");
  sub->add_option("--threads", command->threads, "of --profile")->check(CLI::Range(1, 1024))->capture_default_str();
  sub->callback([command] { command->run(); });
}

}  // namespace cnnc::tools

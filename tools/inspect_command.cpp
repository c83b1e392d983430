// cnnc check, inspect and list: what a model is, whether it can be compiled, and what cnnc knows.
#include <nlohmann/json.hpp>

#include <cstdio>
#include <map>

#include "ir/error.h"
#include "ir/op_def.h"
#include "passes/passes.h"
#include "runtime/exit_code.h"
#include "tools/commands.h"
#include "tools/model.h"
#include "tools/ops_page.h"

namespace cnnc::tools {

using nlohmann::json;

namespace {

void print_json(const json& value) {
  std::printf("%s\n", value.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
}

// ---- check -----------------------------------------------------------------------------------------------------------

struct CheckCommand {
  ModelOptions model;
  BuildFlags build;
  bool as_json = false;

  int run() const;
};

int CheckCommand::run() const {
  try {
    const std::unique_ptr<Graph> graph = load_model(model.path, model.import_options());
    const size_t nodes = graph->nodes().size();
    build.report(codegen::optimize(*graph, build.build_options()));
    if (as_json) print_json({{"schema", 1}, {"ok", true}, {"nodes", nodes}});
    else std::printf("%s: ok, %zu nodes, every one has a kernel\n", model.path.c_str(), nodes);
    return kExitOk;
  } catch (const Error& error) {
    if (!as_json || error.fault() == Fault::usage || error.fault() == Fault::internal) throw;
    print_json({{"schema", 1}, {"ok", false}, {"fault", static_cast<int>(error.fault())}, {"message", error.message()}});
    return static_cast<int>(error.fault());
  }
}

// ---- inspect ---------------------------------------------------------------------------------------------------------

struct Summary {
  json inputs = json::array(), outputs = json::array();
  std::vector<std::string> symbols;
  std::map<std::string, int64_t> ops;
  int64_t nodes = 0, parameters = 0, bytes = 0;
};

json port(const std::string& name, const Type& type) {
  json dims = json::array();
  for (const Dim& dim : type.dims) dims.push_back(dim.is_const() ? json(dim.value()) : json(dim.str()));
  return {{"name", name}, {"dtype", name_of(type.dtype)}, {"dims", dims}, {"type", type.str()}};
}

Summary summary_of(const Graph& graph) {
  Summary summary;
  for (const auto& input : graph.inputs()) summary.inputs.push_back(port(input->name(), input->type()));
  for (size_t i = 0; i < graph.outputs().size(); ++i)
    summary.outputs.push_back(port(graph.output_names()[i], graph.outputs()[i]->type()));
  summary.symbols = graph.symbols();
  for (const auto& node : graph.nodes()) {
    if (const Tensor* constant = node->is("Constant") ? node->output()->constant() : nullptr) {
      summary.parameters += constant->size();
      summary.bytes += static_cast<int64_t>(constant->bytes());
      continue;
    }
    ++summary.nodes;
    ++summary.ops[node->op_name()];
  }
  return summary;
}

void print_ports(const char* title, const json& ports) {
  std::printf("%s\n", title);
  for (const json& p : ports)
    std::printf("  %s: %s\n", quoted(p["name"].get<std::string>()).c_str(), p["type"].get<std::string>().c_str());
}

void inspect(const ModelOptions& model, bool as_json) {
  const Summary s = summary_of(*load_model(model.path, model.import_options()));
  if (as_json) {
    print_json({{"schema", 1}, {"inputs", s.inputs}, {"outputs", s.outputs}, {"symbols", s.symbols}, {"nodes", s.nodes},
                {"constants", s.parameters}, {"constant_bytes", s.bytes}, {"ops", s.ops}});
    return;
  }
  print_ports("inputs", s.inputs);
  print_ports("outputs", s.outputs);
  std::printf("symbols");
  for (const std::string& symbol : s.symbols) std::printf(" %s", symbol.c_str());
  std::printf("%s\nnodes %lld, constants %lld elements, %.1f MB\nops", s.symbols.empty() ? " none" : "",
              static_cast<long long>(s.nodes), static_cast<long long>(s.parameters), static_cast<double>(s.bytes) / 1e6);
  for (const auto& [op, count] : s.ops) std::printf(" %s:%lld", op.c_str(), static_cast<long long>(count));
  std::printf("\n");
}

// ---- list ------------------------------------------------------------------------------------------------------------

// Names and element types in the order of the operands.
json operands_list(const OpDef& op) {
  json list = json::array();
  for (const OperandDef& operand : op.inputs()) {
    json types = json::array();
    for (const DType type : operand.types) types.push_back(name_of(type));
    list.push_back({{"name", operand.name}, {"types", types}});
  }
  return list;
}

json ops_list() {
  json list = json::array();
  for (const OpDef* op : all_ops())
    list.push_back({{"name", op->name()}, {"domain", op->onnx_domain()}, {"versions", op->onnx_versions()},
                    {"doc", op->doc_text()}, {"operands", operands_list(*op)}});
  return list;
}

json passes_list() {
  json list = json::array();
  for (const Stage& stage : codegen::build_pipeline({}))
    for (const Pass& pass : stage.passes) list.push_back({{"name", pass.name}, {"doc", pass.doc}});
  return list;
}

json targets_list() {
  json list = json::array();
  for (const char* level : {"native", "x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
    const codegen::TargetSpec spec = codegen::target_for(level);
    list.push_back({{"name", level}, {"doc", cat(spec.cpu, ", ", spec.f32_lanes, " f32 lanes")}});
  }
  return list;
}

void list(const std::string& what, const std::string& format) {
  if (format == "markdown") {
    if (what != "ops") throw Error("--format=markdown is for ops", Fault::usage);
    write_text("-", ops_page());
    return;
  }
  const json items = what == "ops" ? ops_list() : what == "passes" ? passes_list() : targets_list();
  if (format == "json") {
    print_json({{"schema", 1}, {what, items}});
    return;
  }
  for (const json& item : items) {
    std::string versions;
    for (const json& version : item.value("versions", json::array())) versions += " " + version.dump();
    std::printf("%-24s %s%s%s\n", item["name"].get<std::string>().c_str(), item["doc"].get<std::string>().c_str(),
                versions.empty() ? "" : "  opset", versions.c_str());
  }
}

}  // namespace

void add_check(CLI::App& app, CommandStatus& status) {
  auto command = std::make_shared<CheckCommand>();
  CLI::App* sub = app.add_subcommand("check", "report every problem of a model");
  command->model.add_to(*sub);
  command->build.add_to(*sub);
  sub->add_flag("--json", command->as_json, "one JSON object");
  sub->callback([command, &status] { status.code = command->run(); });
}

void add_inspect(CLI::App& app, CommandStatus&) {
  auto model = std::make_shared<ModelOptions>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* sub = app.add_subcommand("inspect", "show inputs, outputs, operators and sizes");
  model->add_to(*sub);
  sub->add_flag("--json", *as_json, "one JSON object");
  sub->callback([model, as_json] { inspect(*model, *as_json); });
}

void add_list(CLI::App& app, CommandStatus&) {
  auto what = std::make_shared<std::string>("ops");
  auto format = std::make_shared<std::string>("text");
  CLI::App* sub = app.add_subcommand("list", "list ops, passes or targets");
  sub->add_option("WHAT", *what, "ops, passes or targets")
      ->check(CLI::IsMember({"ops", "passes", "targets"}))->capture_default_str();
  sub->add_option("--format", *format, "text, json, or markdown: the page docs/ops.md")
      ->check(CLI::IsMember({"text", "json", "markdown"}))->capture_default_str();
  sub->add_flag_callback("--json", [format] { *format = "json"; }, "short for --format=json");
  sub->callback([what, format] { list(*what, *format); });
}

}  // namespace cnnc::tools

// cnnc compare: compiled code against the reference interpreter, as a whole and node by node.
#include <nlohmann/json.hpp>

#include <cstdio>

#include "codegen/jit.h"
#include "ir/error.h"
#include "runtime/exit_code.h"
#include "tools/commands.h"
#include "tools/model.h"
#include "tools/progress.h"
#include "tools/tensors.h"

namespace cnnc::tools {

using nlohmann::json;

namespace {

struct CompareCommand {
  ModelOptions model;
  BuildFlags build;
  std::vector<std::string> inputs;
  Tolerance tolerance;
  int threads = 1;
  uint64_t seed = 0;
  bool print_json = false;

  int run();

 private:
  std::vector<Tensor> load_inputs(const Graph& graph) const;
  Difference compare_all(const Graph& graph, const std::vector<Tensor>& inputs, size_t& output,
                         codegen::BuildReport& built) const;
  std::string first_difference(const Graph& graph, const std::vector<Tensor>& inputs) const;
  int report(const Difference& difference, const std::string& where) const;
};

std::vector<Tensor> CompareCommand::load_inputs(const Graph& graph) const {
  if (inputs.empty()) return random_inputs(graph, seed);
  std::vector<Tensor> tensors = random_inputs(graph, seed);
  for (const std::string& source : inputs) {
    const size_t equals = source.find('=');
    if (equals == std::string::npos) return read_tensors(source, "input");
    bool known = false;
    for (const auto& input : graph.inputs()) {
      if (input->name() != source.substr(0, equals)) continue;
      tensors[static_cast<size_t>(input->index())] = read_tensor(source.substr(equals + 1));
      known = true;
    }
    if (!known) throw Error(cat("the model has no input ", quoted(source.substr(0, equals))), Fault::usage);
  }
  return tensors;
}

// The worst of all outputs; `output` tells the first one that does not fit.
Difference CompareCommand::compare_all(const Graph& graph, const std::vector<Tensor>& tensors, size_t& output,
                                       codegen::BuildReport& built) const {
  const std::vector<Tensor> expected = interpret(graph, tensors);
  const std::unique_ptr<Graph> compiled = graph.clone();
  const codegen::BuildOptions options = build.build_options();
  built = codegen::optimize(*compiled, options);
  const codegen::JitModel jit(codegen::compile(*compiled, options.compile, codegen::ObjectKind::jit));
  const std::vector<Tensor> found = codegen::run(jit, tensors, threads);
  Difference worst;
  for (size_t i = 0; i < found.size(); ++i) {
    const Difference difference = compare(found[i], expected[i], tolerance);
    if (worst.fits && !difference.fits) output = i;
    if (!worst.fits) continue;
    if (!difference.fits || difference.worst > worst.worst) worst = difference;
  }
  return worst;
}

// Every value of the graph becomes an output, in order, so that the first difference names its node.
std::string CompareCommand::first_difference(const Graph& graph, const std::vector<Tensor>& tensors) const {
  const std::unique_ptr<Graph> all = graph.clone();
  std::vector<std::string> nodes(all->outputs().size());
  std::vector<Value*> values;
  for (const auto& node : all->nodes()) {
    if (node->is("Constant")) continue;
    for (size_t i = 0; i < node->output_count(); ++i) {
      values.push_back(node->output(i));
      nodes.push_back(node->description());
    }
  }
  const size_t own = all->outputs().size();
  for (Value* value : values) all->add_output(value, cat("value_", all->outputs().size()));
  size_t output = 0;
  codegen::BuildReport built;
  const Difference difference = compare_all(*all, tensors, output, built);
  if (difference.fits) return "every node alone is right: the difference comes from fusing them; see --bisect-passes";
  if (output < own) return "the model's output";
  return cat(nodes[output], ": ", difference.reason);
}

int CompareCommand::report(const Difference& difference, const std::string& where) const {
  if (print_json) {
    const json all = {{"schema", 1}, {"equal", difference.fits}, {"error", difference.error},
                      {"tolerance_used", difference.worst}, {"reason", difference.reason}, {"first", where}};
    std::printf("%s\n", all.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  } else if (difference.fits) {
    std::printf("equal to the reference: largest error %.3g, %.3g of the tolerance\n", difference.error, difference.worst);
  } else {
    std::printf("DIFFERS from the reference: %s\nfirst: %s\n", difference.reason.c_str(), where.c_str());
  }
  return difference.fits ? kExitOk : kExitMismatch;
}

int CompareCommand::run() {
  const std::unique_ptr<Graph> graph = load_specialised(model, inputs);
  const std::vector<Tensor> tensors = load_inputs(*graph);
  size_t output = 0;
  const Progress progress(model.quiet);
  progress.say("computing the reference, and compiling");
  codegen::BuildReport built;
  const Difference difference = compare_all(*graph, tensors, output, built);
  progress.clear();
  build.report(built);
  return report(difference, difference.fits ? "" : first_difference(*graph, tensors));
}

}  // namespace

void add_compare(CLI::App& app, CommandStatus& status) {
  auto command = std::make_shared<CompareCommand>();
  CLI::App* sub = app.add_subcommand("compare", "compare compiled code with the reference interpreter");
  command->model.add_to(*sub);
  sub->add_option("--inputs,--input", command->inputs, "a folder or NAME=FILE; default: seeded random numbers");
  sub->add_option("--seed", command->seed, "of the random inputs")->capture_default_str();
  sub->add_option("--rtol", command->tolerance.relative, "relative tolerance")->capture_default_str();
  sub->add_option("--atol", command->tolerance.absolute, "times the largest expected magnitude")->capture_default_str();
  sub->add_option("--threads", command->threads, "threads in all")->check(positive())->capture_default_str();
  sub->add_flag("--json", command->print_json, "one JSON object");
  command->build.add_to(*sub);
  sub->callback([command, &status] { status.code = command->run(); });
}

}  // namespace cnnc::tools

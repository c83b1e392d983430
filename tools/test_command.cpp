// cnnc test: runs folders in the layout of ONNX's tests (model.onnx, test_data_set_0/input_0.pb, output_0.pb, ...).
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "codegen/jit.h"
#include "ir/error.h"
#include "runtime/exit_code.h"
#include "tools/commands.h"
#include "tools/model.h"
#include "tools/progress.h"
#include "tools/tensors.h"

namespace cnnc::tools {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

struct TestResult {
  std::string name;
  bool passed = false;
  double worst = 0, error = 0;
  std::string reason;
};

struct TestCommand {
  std::vector<std::string> folders;
  BuildFlags build;
  ModelOptions model;
  std::string engine = "jit";
  Tolerance tolerance;
  int threads = 1;
  bool print_json = false;

  int run();

 private:
  using Engine = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
  Engine make_engine(const std::string& file) const;
  TestResult test(const std::string& folder) const;
  void test_data_set(const Engine& engine, const std::string& folder, TestResult& result) const;
  void print_line(const TestResult& result) const;
  int print_summary(const std::vector<TestResult>& results) const;
};

// The folder itself when it has a model, else those below it that have one.
std::vector<std::string> cases_in(const std::string& folder) {
  if (fs::exists(fs::path(folder) / "model.onnx")) return {folder};
  if (!fs::is_directory(folder)) throw Error(cat(quoted(folder), " is no folder"), Fault::file);
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().filename() == "model.onnx") found.push_back(entry.path().parent_path());
  if (found.empty()) throw Error(cat("there is no model.onnx in ", quoted(folder)), Fault::file);
  std::sort(found.begin(), found.end());
  return found;
}

TestCommand::Engine TestCommand::make_engine(const std::string& file) const {
  const std::shared_ptr<Graph> graph = load_model(file, model.import_options());
  if (engine == "interpreter") return [graph](const std::vector<Tensor>& inputs) { return interpret(*graph, inputs); };
  const codegen::BuildOptions options = build.build_options();
  codegen::optimize(*graph, options);
  auto jit = std::make_shared<codegen::JitModel>(codegen::compile(*graph, options.compile, codegen::ObjectKind::jit));
  return [jit, threads = threads](const std::vector<Tensor>& inputs) { return codegen::run(*jit, inputs, threads); };
}

void TestCommand::test_data_set(const Engine& engine_, const std::string& folder, TestResult& result) const {
  const std::vector<Tensor> expected = read_tensors(folder, "output");
  const std::vector<Tensor> found = engine_(read_tensors(folder, "input"));
  if (found.size() != expected.size())
    throw Error(cat("the model has ", found.size(), " outputs, the data set has ", expected.size()));
  for (size_t i = 0; i < found.size(); ++i) {
    const Difference difference = compare(found[i], expected[i], tolerance);
    result.worst = std::max(result.worst, difference.worst);
    result.error = std::max(result.error, difference.error);
    if (!difference.fits && result.reason.empty()) result.reason = cat("output ", i, ": ", difference.reason);
  }
}

TestResult TestCommand::test(const std::string& folder) const {
  TestResult result;
  result.name = fs::path(folder).filename();
  if (result.name.empty()) result.name = folder;
  try {
    const Engine engine_ = make_engine((fs::path(folder) / "model.onnx").string());
    std::vector<std::string> sets;
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().filename().string().rfind("test_data_set_", 0) == 0) sets.push_back(entry.path());
    std::sort(sets.begin(), sets.end());
    if (sets.empty()) throw Error("there is no test_data_set_0", Fault::file);
    for (const std::string& set : sets) test_data_set(engine_, set, result);
  } catch (const std::exception& error) {
    result.reason = error.what();
    result.worst = result.error = INFINITY;
  }
  result.passed = result.reason.empty();
  return result;
}

void TestCommand::print_line(const TestResult& result) const {
  const std::string line = result.reason.substr(0, result.reason.find('\n'));
  std::printf("%s %-40s error %-10.3g", result.passed ? "pass" : "FAIL", result.name.c_str(), result.error);
  std::printf(result.passed ? "\n" : " %s\n", line.c_str());
  std::fflush(stdout);
}

// JSON has no infinity.
json number(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

int TestCommand::print_summary(const std::vector<TestResult>& results) const {
  const auto failed = std::count_if(results.begin(), results.end(), [](const TestResult& r) { return !r.passed; });
  const auto passed = static_cast<int64_t>(results.size()) - failed;
  if (print_json) {
    json cases = json::array();
    for (const TestResult& r : results)
      cases.push_back({{"name", r.name}, {"passed", r.passed}, {"error", number(r.error)},
                       {"tolerance_used", number(r.worst)}, {"reason", r.reason}});
    const json all = {{"schema", 1}, {"engine", engine}, {"passed", passed}, {"failed", failed}, {"cases", cases}};
    std::printf("%s\n", all.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  } else {
    std::printf("%lld passed, %lld failed\n", static_cast<long long>(passed), static_cast<long long>(failed));
  }
  return failed == 0 ? kExitOk : kExitMismatch;
}

int TestCommand::run() {
  std::vector<TestResult> results;
  const Progress progress(print_json);
  for (const std::string& folder : folders) {
    for (const std::string& one : cases_in(folder)) {
      progress.say("testing " + one);
      results.push_back(test(one));
      progress.clear();
      if (!print_json) print_line(results.back());
    }
  }
  return print_summary(results);
}

}  // namespace

void add_test(CLI::App& app, CommandStatus& status) {
  auto command = std::make_shared<TestCommand>();
  command->model.quiet = true;
  CLI::App* sub = app.add_subcommand("test", "run ONNX test folders and compare with their outputs");
  sub->add_option("DIR", command->folders, "folders with model.onnx and test_data_set_*, or folders of those")->required();
  sub->add_option("--engine", command->engine, "jit or interpreter")
      ->check(CLI::IsMember({"jit", "interpreter"}))->capture_default_str();
  sub->add_option("--rtol", command->tolerance.relative, "relative tolerance")->capture_default_str();
  sub->add_option("--atol", command->tolerance.absolute, "times the largest expected magnitude")->capture_default_str();
  sub->add_option("--threads", command->threads, "threads in all")->check(positive())->capture_default_str();
  sub->add_flag("--json", command->print_json, "one JSON object instead of lines");
  command->build.add_to(*sub);
  sub->callback([command, &status] { status.code = command->run(); });
}

}  // namespace cnnc::tools

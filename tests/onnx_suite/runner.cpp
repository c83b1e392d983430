// Runs the ONNX backend suite with every engine.
//
//     onnx_suite_runner CASES EXPECTED_FAILURES [PART_OF_A_NAME]
//
// A case that uses operators or types that cnnc does not have is skipped. A case that fails must be
// listed in EXPECTED_FAILURES, and one that is listed there must fail, so that the list only
// shrinks. With part of a name, runs the cases that contain it and tells about each.
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <set>
#include <sstream>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "tests/onnx_suite/suite_case.h"
#include "tests/support/compiler/engines.h"

namespace cnnc {
namespace {

// Those that differ most; the conformance test of the operators runs all.
std::vector<Engine> suite_engines() {
  std::vector<Engine> chosen;
  for (const Engine& engine : engines())
    if (engine.name == "interpreter" || engine.name == "jit" || engine.name == "jit without passes")
      chosen.push_back(engine);
  return chosen;
}

std::set<std::string> read_expected_failures(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw Error(cat("there is no ", path), Fault::file);
  std::set<std::string> names;
  for (std::string line; std::getline(in, line);) {
    const std::string name = line.substr(0, line.find_first_of(" #"));
    if (!name.empty()) names.insert(name);
  }
  return names;
}

constexpr int64_t kMostElementsOfShape = 64;

// Inputs that look like sizes, axes or flags: small integers and bools, and single numbers; with
// `vectors`, scales and regions too. Where they decide shapes, the model can only be compiled for
// their values.
ImportOptions with_values_that_may_decide_shapes(const std::string& model,
                                                 const std::vector<Tensor>& inputs, bool vectors) {
  ImportOptions options;
  const std::vector<std::string> names = onnx_input_names(model);
  for (size_t k = 0; k < std::min(inputs.size(), names.size()); ++k) {
    const Tensor& input = inputs[k];
    const bool floats = input.shape().size() <= (vectors ? 1 : 0);
    if ((floats || !is_float(input.dtype())) && input.size() <= kMostElementsOfShape)
      options.values[names[k]] = input;
  }
  return options;
}

// As little is made known of the inputs' values as the model allows.
std::unique_ptr<Graph> import_case(const std::string& model, const std::vector<Tensor>& inputs) {
  try {
    return import_onnx_file(model);
  } catch (const Error&) {
  }
  try {
    return import_onnx_file(model, with_values_that_may_decide_shapes(model, inputs, false));
  } catch (const Error&) {
    return import_onnx_file(model, with_values_that_may_decide_shapes(model, inputs, true));
  }
}

// Why the outputs are not those that the case expects; empty when they are.
std::string failure(const SuiteCase& test, const SuiteData& data,
                    const std::vector<Tensor>& outputs) {
  if (outputs.size() < data.outputs.size())
    return cat("gives ", outputs.size(), " outputs, expected ", data.outputs.size());
  for (size_t k = 0; k < data.outputs.size(); ++k)
    if (const std::string what = difference(outputs[k], data.outputs[k], test.rtol, test.atol);
        !what.empty())
      return cat("output ", k, " ", what);
  return {};
}

enum class Outcome { passed, failed, skipped };

Outcome run(const SuiteCase& test, std::string& reason) {
  if (has_foreign_types(test)) return Outcome::skipped;
  bool imported = false;
  try {
    for (const SuiteData& data : read_data(test)) {
      const auto graph = import_case(test.folder + "/model.onnx", data.inputs);
      imported = true;
      verify(*graph);
      for (const Engine& engine : suite_engines())
        if (reason = failure(test, data, engine.run(*graph, data.inputs)); !reason.empty()) {
          reason = cat(engine.name, ": ", reason);
          return Outcome::failed;
        }
    }
    return Outcome::passed;
  } catch (const std::exception& e) {
    reason = e.what();
    return !imported && has_undeclared_operators(test) ? Outcome::skipped : Outcome::failed;
  }
}

int run_all(const std::string& folder, const std::string& list, const std::string& part) {
  std::set<std::string> expected = read_expected_failures(list);
  int counts[3] = {}, surprises = 0;
  for (const SuiteCase& test : read_cases(folder)) {
    if (test.name.find(part) == std::string::npos) continue;
    std::string reason;
    const Outcome outcome = run(test, reason);
    ++counts[static_cast<int>(outcome)];
    const bool listed = expected.erase(test.name) > 0;
    if (outcome == Outcome::failed ? !listed : listed) {
      ++surprises;
      std::cout << test.name
                << (listed ? ": is listed as a failure but does not fail" : ": " + reason) << "\n";
    } else if (!part.empty()) {
      const char* kNames[] = {"passed", "failed", "skipped"};
      std::cout << test.name << ": " << kNames[static_cast<int>(outcome)] << " " << reason << "\n";
    }
  }
  if (part.empty())
    for (const std::string& name : expected) {
      ++surprises;
      std::cout << name << ": is listed as a failure but does not exist\n";
    }
  std::cout << counts[0] << " passed, " << counts[1] << " failed, " << counts[2] << " skipped; "
            << surprises << " not as expected\n";
  return surprises == 0 ? 0 : 1;
}

}  // namespace
}  // namespace cnnc

// What CTest takes for a skipped test.
static constexpr int kSkipped = 77;

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: onnx_suite_runner CASES EXPECTED_FAILURES [PART_OF_A_NAME]\n";
    return 2;
  }
  if (!std::filesystem::exists(std::string(argv[1]) + "/version")) {
    std::cout << "skipped: make_cases.py has not written the cases to " << argv[1] << "\n";
    return kSkipped;
  }
  try {
    return cnnc::run_all(argv[1], argv[2], argc > 3 ? argv[3] : "");
  } catch (const cnnc::Error& e) {
    std::cerr << "error: " << e.what() << "\n";
    return static_cast<int>(e.fault());
  }
}

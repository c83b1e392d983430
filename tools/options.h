// Options that several commands share: how they are spelled, and what they mean to the library.
#pragma once
#include <CLI/App.hpp>
#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "codegen/build.h"
#include "frontend/onnx/import.h"

namespace cnnc::tools {

// Checks of numbers, also of those that no integer can hold.
CLI::Validator positive();
CLI::Validator not_negative();

// Which model, and its sizes.
struct ModelOptions {
  std::string path;
  std::vector<std::string> dims;    // "batch=8"
  std::vector<std::string> shapes;  // "x=1x3x224x224"
  bool quiet = false;

  void add_to(CLI::App& app);
  // Throws Error (Fault::usage) for bad spellings.
  ImportOptions import_options() const;
};

// How a graph is optimised and compiled.
struct BuildFlags {
  std::string target = "native", kernels = "auto";
  std::vector<std::string> dump_ir, disabled, disabled_kernels, rewrites;
  std::string stop_after;
  int64_t bisect = -1;
  int level = 2;
  bool no_verify = false, time_passes = false;

  void add_to(CLI::App& app);
  // Dumps and explanations go to standard error.
  codegen::BuildOptions build_options() const;
  // What --time-passes and --bisect-passes tell, on standard error.
  void report(const codegen::BuildReport& report) const;
  // Options whose graphs are reported by themselves, where compiling happens out of sight.
  codegen::BuildOptions reporting_options() const;
};

// Inputs, outputs and threads of a run.
struct RunFlags {
  std::vector<std::string> inputs;
  std::string outputs, format = "pb";
  int threads = 0;

  void add_to(CLI::App& app);
};

}  // namespace cnnc::tools

#include "tools/options.h"

#include <cstdio>

#include "ir/error.h"

namespace cnnc::tools {

// ---- numbers ---------------------------------------------------------------------------------------------------------

static CLI::Validator number_check(const char* name, const char* need, bool (*holds)(double)) {
  const auto check = [=](std::string& text) -> std::string {
    double value = 0;
    if (!CLI::detail::lexical_cast(text, value) || !holds(value)) return cat("it is ", text, ", need ", need);
    return value < 9.2e18 ? "" : cat(text, " is too large");
  };
  return CLI::Validator(check, name);
}

CLI::Validator positive() {
  return number_check("POSITIVE", "a number greater than 0", [](double x) { return x > 0; });
}

CLI::Validator not_negative() {
  return number_check("NONNEGATIVE", "a number that is not negative", [](double x) { return x >= 0; });
}

// ---- the model -------------------------------------------------------------------------------------------------------

void ModelOptions::add_to(CLI::App& app) {
  app.add_option("MODEL", path, "an ONNX file, or a graph as text (.cnnir)")->required();
  app.add_option("--dim", dims, "NAME=SIZE: the size of a symbol")->allow_extra_args(false)->type_name("NAME=SIZE");
  app.add_option("--shape", shapes, "INPUT=1x3x224x224: the shape of an input; ? leaves a size as it is")
      ->allow_extra_args(false)->type_name("INPUT=SHAPE");
  app.add_flag("-q,--quiet", quiet, "no warnings");
}

static int64_t size_named(const std::string& text, const std::string& option) {
  size_t end = 0;
  int64_t size = -1;
  try {
    size = std::stoll(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  if (end == 0 || end != text.size() || size < 0)
    throw Error(cat(option, ": ", quoted(text), " is no size; a whole number from 0 up is needed"), Fault::usage);
  return size;
}

static std::pair<std::string, std::string> name_and_value(const std::string& text, const char* option,
                                                          const char* example) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0)
    throw Error(cat(option, " ", quoted(text), " is not of the form ", example), Fault::usage);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

static Shape shape_named(const std::string& text) {
  Shape shape;
  if (text.empty()) return shape;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find_first_of("x,", at), text.size());
    const std::string size = text.substr(at, end - at);
    shape.push_back(size == "?" ? -1 : size_named(size, "--shape"));
    at = end + 1;
  }
  return shape;
}

ImportOptions ModelOptions::import_options() const {
  ImportOptions options;
  for (const std::string& dim : dims) {
    const auto [name, size] = name_and_value(dim, "--dim", "NAME=SIZE");
    options.dims[name] = size_named(size, "--dim");
  }
  for (const std::string& shape : shapes) {
    const auto [name, sizes] = name_and_value(shape, "--shape", "INPUT=1x3x224x224");
    options.shapes[name] = shape_named(sizes);
  }
  if (!quiet) options.warn = [](const std::string& line) { std::fprintf(stderr, "warning: %s\n", line.c_str()); };
  return options;
}

// ---- building --------------------------------------------------------------------------------------------------------

void BuildFlags::add_to(CLI::App& app) {
  app.add_option("--target", target, "native, x86-64-v2, x86-64-v3 or x86-64-v4; +FEATURE adds one")->capture_default_str();
  app.add_option("--kernels", kernels, "auto, llvm or dnnl: whose kernels may be used")->capture_default_str();
  app.add_option("-O", level, "0: needed passes only, 1: folding, 2: layout and fusion, 3: slower code generation")->check(CLI::Range(0, 3))->capture_default_str();
  app.add_option("--dump-ir", dump_ir, "before,after:PASS|all: print graphs on standard error")
      ->allow_extra_args(false)->type_name("WHEN:PASS");
  app.add_option("--stop-after", stop_after, "end after this pass")->type_name("PASS");
  app.add_option("--disable-pass", disabled, "leave out a pass")->allow_extra_args(false)->type_name("PASS");
  app.add_option("--disable-kernel", disabled_kernels, "leave out a kernel, such as llvm:winograd; `cnnc explain` tells names")
      ->allow_extra_args(false)->type_name("KERNEL");
  app.add_option("--bisect-passes", bisect, "run only the first N passes that may be left out")->type_name("N");
  app.add_option("--explain", rewrites, "rewrite:NAME|all: why it fired or not, on standard error")
      ->allow_extra_args(false)->type_name("rewrite:NAME");
  app.add_flag("--no-verify", no_verify, "do not verify the graph after every pass");
  app.add_flag("--time-passes", time_passes, "time of every pass, on standard error");
}

// "before,after:fold-constants": the words before the colon tell when.
static void add_dump(const std::string& text, PassOptions& passes) {
  const size_t colon = text.find(':');
  const std::string when = text.substr(0, colon), pass = colon == std::string::npos ? "all" : text.substr(colon + 1);
  for (size_t at = 0; at <= when.size();) {
    const size_t end = std::min(when.find(',', at), when.size());
    const std::string word = when.substr(at, end - at);
    if (word == "before") passes.dump_before.insert(pass);
    else if (word == "after") passes.dump_after.insert(pass);
    else throw Error(cat("--dump-ir=", text, ": needed is before:PASS, after:PASS or before,after:PASS"), Fault::usage);
    at = end + 1;
  }
}

static std::string rewrite_named(const std::string& text) {
  const std::string prefix = "rewrite:";
  if (text.rfind(prefix, 0) != 0)
    throw Error(cat("--explain ", quoted(text), " is not of the form rewrite:NAME; kernels: see `cnnc explain`"),
                Fault::usage);
  return text.substr(prefix.size());
}

codegen::BuildOptions BuildFlags::build_options() const {
  codegen::BuildOptions options;
  options.compile.kernels = codegen::kernels_named(kernels);
  for (const std::string& kernel : disabled_kernels) options.compile.disabled_kernels.insert(codegen::kernel_named(kernel));
  options.compile.target = codegen::target_for(target);
  PassOptions& passes = options.passes;
  for (const std::string& dump : dump_ir) add_dump(dump, passes);
  passes.dump = [](const std::string& when, const Graph& graph) {
    std::fprintf(stderr, "// %s\n%s\n", when.c_str(), print(graph).c_str());
  };
  passes.disabled.insert(disabled.begin(), disabled.end());
  if (level == 0) passes.disabled.insert("all");
  // What moves data into another layout or makes larger kernels.
  if (level == 1)
    passes.disabled.insert({"channels-last", "move-transposes", "transposes-to-views", "pack-pixels",
                            "fuse-epilogues", "fuse-loops", "fuse-updates"});
  options.compile.thorough = level == 3;
  passes.stop_after = stop_after;
  passes.bisect_limit = bisect;
  passes.verify = !no_verify;
  for (const std::string& rewrite : rewrites) passes.explained.insert(rewrite_named(rewrite));
  passes.explain = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  return options;
}

void BuildFlags::report(const codegen::BuildReport& report) const {
  if (time_passes) {
    std::fprintf(stderr, "%10s %6s %8s  pass\n", "seconds", "runs", "changes");
    for (const PassStatistics& s : report.passes)
      std::fprintf(stderr, "%10.4f %6d %8d  %s\n", s.seconds, s.runs, s.changes, s.name.c_str());
  }
  if (bisect >= 0)
    std::fprintf(stderr, "ran %lld passes that may be left out; the last was %s\n",
                 static_cast<long long>(report.bisectable_runs), report.last_bisectable.c_str());
}

codegen::BuildOptions BuildFlags::reporting_options() const {
  codegen::BuildOptions options = build_options();
  options.report = [flags = *this](const codegen::BuildReport& report) { flags.report(report); };
  return options;
}

// ---- running ---------------------------------------------------------------------------------------------------------

void RunFlags::add_to(CLI::App& app) {
  app.add_option("--inputs,--input", inputs, "a folder with input_0.pb (or .npy), ..., or NAME=FILE; default: zeros")
      ->type_name("DIR|NAME=FILE");
  app.add_option("--outputs", outputs, "folder for output_0.pb, ...")->type_name("DIR");
  app.add_option("--format", format, "of the outputs: pb or npy")->check(CLI::IsMember({"pb", "npy"}))->capture_default_str();
  app.add_option("--threads", threads, "threads in all; default: what this process may use")
      ->check(positive())->type_name("N");
}

}  // namespace cnnc::tools

#include "runtime/executable_main.h"

#include <stdio.h>

#include "runtime/bench_protocol.h"
#include "runtime/command_line.h"
#include "runtime/exit_code.h"
#include "runtime/output_summary.h"
#include "runtime/team.h"

namespace cnnc {
namespace {

constexpr const char* kOptions =
    "\noptions:\n"
    "  --inputs DIR | NAME=FILE ...  input_0.pb, input_1.pb, ... (or .npy) of a directory, or\n"
    "                                files by input name (.npy, .pb or raw); without it: zeros\n"
    "  --dim NAME=SIZE               size of a symbol where inputs are zeros\n"
    "  --outputs DIR                 write output_0.pb, ... there\n"
    "  --format pb|npy               format of the outputs\n"
    "  --threads N                   threads in all (default: as compiled, or what this process may use)\n"
    "  --max-mem BYTES               limit of working memory besides the weights\n"
    "  --profile                     time of every step\n"
    "  --json [--warmup W] [--repeat K]   latency of K runs after W as one JSON line\n"
    "  --serve                       benchmark server: 'run W K' and 'quit' on standard input\n"
    "  --precision f32               f32: every operator computes in f32\n"
    "  --version, --help\n"
    "\nexit codes: 0 done, 2 wrong usage, 3 model or CPU not fit, 4 file error, 5 over a limit\n";

using InfoFunction = cnnc_status (*)(const cnnc_executable*, int32_t, cnnc_tensor_info*);

void print_tensors(const cnnc_executable* exe, const char* title, int32_t count,
                   InfoFunction info_of) {
  printf("\n%s:\n", title);
  for (int32_t i = 0; i < count; ++i) {
    cnnc_tensor_info info;
    if (info_of(exe, i, &info) != CNNC_OK) continue;
    printf("  %s: %s[", info.name, cnnc_dtype_name(info.dtype));
    for (int32_t d = 0; d < info.rank; ++d) printf("%s%s", d ? "," : "", info.dim_texts[d]);
    printf("]\n");
  }
}

void print_help(const cnnc_executable* exe, const char* program) {
  printf("usage: %s [--inputs DIR | NAME=FILE ...] [--outputs DIR] [options]\n"
         "A neural network, compiled by cnnc %s.\n",
         program, CNNC_VERSION);
  print_tensors(exe, "inputs", cnnc_input_count(exe), cnnc_input_info);
  print_tensors(exe, "outputs", cnnc_output_count(exe), cnnc_output_info);
  printf("%s", kOptions);
}

ExitCode run_and_show(TensorSet* tensors, const CommandLine& line, ErrorText* error) {
  const int64_t start = now_ns();
  const cnnc_status status = tensors->run();
  const int64_t time = now_ns() - start;
  if (status != CNNC_OK) {
    error->set("%s", cnnc_last_error(tensors->executable()));
    return exit_code(status);
  }
  if (line.outputs) {
    const ExitCode code = tensors->save_outputs(line.outputs, line.format, error);
    if (code != kExitOk) return code;
  }
  for (int32_t i = 0; i < tensors->output_count(); ++i) {
    cnnc_tensor_info info;
    cnnc_output_info(tensors->executable(), i, &info);
    print_summary(stdout, info.name, tensors->output(i));
  }
  fprintf(stderr, "first run: %.3f ms\n", static_cast<double>(time) / 1e6);
  return kExitOk;
}

// Shows the steps' times over the repetitions.
ExitCode run_profile(TensorSet* tensors, const CommandLine& line, ErrorText* error) {
  for (int64_t i = 0; i < line.repeat; ++i) {
    const cnnc_status status = tensors->run();
    if (status == CNNC_OK) continue;
    error->set("%s", cnnc_last_error(tensors->executable()));
    return exit_code(status);
  }
  print_profile(stdout, tensors->executable());
  return kExitOk;
}

ExitCode run_model(cnnc_executable* exe, const CommandLine& line, int64_t load_ns,
                   ErrorText* error) {
  TensorSet tensors(exe);
  const InputSources sources{line.inputs.data(), line.input_count, line.dims.data(),
                             line.dim_count};
  ExitCode code = tensors.load(sources, error);
  if (code != kExitOk) return code;
  if (line.json || line.serve) {
    BenchOptions options;
    options.serve = line.serve;
    options.warmup = line.warmup;
    options.repeat = line.repeat;
    options.load_ns = load_ns;
    options.outputs = line.outputs;
    options.format = line.format;
    code = run_bench(&tensors, options, error);
    if (code == kExitOk && line.profile) print_profile(stderr, exe);
    return code;
  }
  code = run_and_show(&tensors, line, error);
  if (code == kExitOk && line.profile) code = run_profile(&tensors, line, error);
  return code;
}

cnnc_status create(const struct cnnc_model* model, const CommandLine& line, cnnc_executable** exe,
                   ErrorText* error) {
  cnnc_options options{};
  options.threads = static_cast<int32_t>(line.threads < 1024 ? line.threads : 1024);
  options.profile = line.profile;
  options.max_bytes = static_cast<uint64_t>(line.max_bytes);
  options.error = error->text;
  options.error_bytes = sizeof error->text;
  return cnnc_create(model, &options, exe);
}

ExitCode run(const struct cnnc_model* model, int argc, char** argv, ErrorText* error) {
  CommandLine line;
  if (!line.parse(argc, argv, error)) return kExitUsage;
  if (line.version) {
    printf("cnnc %s\n", CNNC_VERSION);
    return kExitOk;
  }
  const int64_t start = now_ns();
  cnnc_executable* exe;
  const cnnc_status status = create(model, line, &exe, error);
  if (status != CNNC_OK) return exit_code(status);
  const int64_t load_ns = now_ns() - start;
  ExitCode code = kExitOk;
  if (line.help) {
    print_help(exe, argv[0]);
  } else {
    code = run_model(exe, line, load_ns, error);
  }
  cnnc_destroy(exe);
  return code;
}

} // namespace

int report_exit(ExitCode code, ErrorText* error) {
  if (code == kExitOk && fflush(stdout) != 0) {
    error->set("cannot write to standard output");
    code = kExitFile;
  }
  if (code != kExitOk) fprintf(stderr, "error: %s\n", error->text);
  return code;
}

int executable_main(const struct cnnc_model* model, int argc, char** argv) {
  ErrorText error;
  return report_exit(run(model, argc, argv, &error), &error);
}

} // namespace cnnc

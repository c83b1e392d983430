// cnnc run and cnnc bench: a model runs in this process, with the sizes of the inputs that are given.
#include <nlohmann/json.hpp>

#include <cstdio>

#include "ir/error.h"
#include "runtime/bench_protocol.h"
#include "runtime/output_summary.h"
#include "runtime/team.h"
#include "tools/commands.h"
#include "tools/model.h"
#include "tools/progress.h"
#include "tools/session.h"

namespace cnnc::tools {

namespace {

struct RunCommand {
  ModelOptions model;
  BuildFlags build;
  RunFlags run;
  std::string precision = "f32";
  bool profile = false, json = false, serve = false;
  int64_t warmup = 1, repeat = 10;

  void run_once();
  void bench();

 private:
  // Compiles, and fills the inputs.
  void prepare();
  void print_outputs(int64_t run_ns) const;
  void print_outputs_json(int64_t run_ns) const;

  int64_t load_ns_ = 0;
  std::unique_ptr<Session> session_;
  std::unique_ptr<TensorSet> tensors_;
};

void check(ExitCode code, const ErrorText& error) {
  if (code != kExitOk) throw Error(error.text, static_cast<Fault>(code));
}

void RunCommand::prepare() {
  const Progress progress(model.quiet);
  progress.say("compiling " + model.path);
  const int64_t start = now_ns();
  const std::unique_ptr<Graph> graph = load_specialised(model, run.inputs);
  load_ns_ = now_ns() - start;
  session_ = std::make_unique<Session>(*graph, build, Session::Options{run.threads, profile});
  tensors_ = std::make_unique<TensorSet>(session_->executable());
  std::vector<const char*> inputs, dims;
  for (const std::string& input : run.inputs) inputs.push_back(input.c_str());
  for (const std::string& dim : model.dims) dims.push_back(dim.c_str());
  // Symbols are bound already, except in a text graph.
  const int32_t dim_count = session_ && graph->symbols().empty() ? 0 : static_cast<int32_t>(dims.size());
  ErrorText error;
  check(tensors_->load({inputs.data(), static_cast<int32_t>(inputs.size()), dims.data(), dim_count}, &error), error);
}

void RunCommand::run_once() {
  prepare();
  const int64_t start = now_ns();
  const cnnc_status status = tensors_->run();
  const int64_t time = now_ns() - start;
  if (status != CNNC_OK)
    throw Error(cnnc_last_error(session_->executable()), static_cast<Fault>(exit_code(status)));
  ErrorText error;
  if (!run.outputs.empty()) check(tensors_->save_outputs(run.outputs.c_str(), run.format.c_str(), &error), error);
  if (json) print_outputs_json(time);
  else print_outputs(time);
}

void RunCommand::print_outputs(int64_t run_ns) const {
  for (int32_t i = 0; i < tensors_->output_count(); ++i) {
    cnnc_tensor_info info;
    cnnc_output_info(session_->executable(), i, &info);
    print_summary(stdout, info.name, tensors_->output(i));
  }
  if (profile) print_profile(stdout, session_->executable());
  if (!model.quiet)
    std::fprintf(stderr, "load %.1f ms, compile %.1f ms, run %.3f ms\n", static_cast<double>(load_ns_) / 1e6,
                 static_cast<double>(session_->compile_ns()) / 1e6, static_cast<double>(run_ns) / 1e6);
}

void RunCommand::print_outputs_json(int64_t run_ns) const {
  nlohmann::json outputs = nlohmann::json::array();
  for (int32_t i = 0; i < tensors_->output_count(); ++i) {
    cnnc_tensor_info info;
    cnnc_output_info(session_->executable(), i, &info);
    const HostTensor& output = tensors_->output(i);
    outputs.push_back({{"name", info.name}, {"dtype", cnnc_dtype_name(output.dtype)},
                       {"dims", std::vector<int64_t>(output.dims, output.dims + output.rank)}});
  }
  const nlohmann::json all = {{"schema", 1}, {"outputs", outputs}, {"load_ns", load_ns_},
                              {"compile_ns", session_->compile_ns()}, {"run_ns", run_ns}};
  std::printf("%s\n", all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  if (profile) print_profile(stderr, session_->executable());
}

void RunCommand::bench() {
  prepare();
  BenchOptions options;
  options.serve = serve;
  options.warmup = warmup;
  options.repeat = repeat;
  options.load_ns = load_ns_;
  options.compile_ns = session_->compile_ns();
  options.outputs = run.outputs.empty() ? nullptr : run.outputs.c_str();
  options.format = run.format.c_str();
  ErrorText error;
  check(run_bench(tensors_.get(), options, &error), error);
  if (profile) print_profile(stderr, session_->executable());
}

std::shared_ptr<RunCommand> declare(CLI::App& sub) {
  auto command = std::make_shared<RunCommand>();
  command->model.add_to(sub);
  command->run.add_to(sub);
  command->build.add_to(sub);
  sub.add_flag("--profile", command->profile, "time of every step");
  return command;
}

}  // namespace

void add_run(CLI::App& app, CommandStatus&) {
  CLI::App* sub = app.add_subcommand("run", "run a model once in this process");
  auto command = declare(*sub);
  sub->add_flag("--json", command->json, "types of the outputs and times as one JSON object");
  sub->callback([command] { command->run_once(); });
}

void add_bench(CLI::App& app, CommandStatus&) {
  CLI::App* sub = app.add_subcommand("bench", "measure a model's latency; prints JSON");
  auto command = declare(*sub);
  sub->add_option("--warmup", command->warmup, "untimed runs")->check(not_negative())->capture_default_str();
  sub->add_option("--repeat", command->repeat, "timed runs")->check(not_negative())->capture_default_str();
  sub->add_option("--precision", command->precision, "f32: every operator computes as the model says")
      ->check(CLI::IsMember({"f32", "auto"}));
  auto* json = sub->add_flag("--json", command->json, "one JSON line (the default)");
  sub->add_flag("--serve", command->serve, "obey 'run W K' and 'quit' on standard input")->excludes(json);
  sub->callback([command] { command->bench(); });
}

}  // namespace cnnc::tools

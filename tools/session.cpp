#include "tools/session.h"

#include "ir/error.h"
#include "runtime/exit_code.h"
#include "runtime/team.h"

namespace cnnc::tools {

Session::Session(Graph& graph, const BuildFlags& flags, const Options& options) {
  const int64_t start = now_ns();
  codegen::BuildOptions build = flags.build_options();
  build.compile.compile_threads = options.threads;
  const codegen::BuildReport report = codegen::optimize(graph, build);
  flags.report(report);
  if (report.stopped) throw Error("a graph that stops early has no kernels; leave out --stop-after", Fault::usage);
  model_ = std::make_unique<codegen::JitModel>(codegen::compile(graph, build.compile, codegen::ObjectKind::jit));
  char message[1024] = "";
  cnnc_options create{};
  create.threads = options.threads;
  create.profile = options.profile;
  create.error = message;
  create.error_bytes = sizeof message;
  const cnnc_status status = cnnc_create(model_->model(), &create, &executable_);
  if (status != CNNC_OK) throw Error(message, static_cast<Fault>(exit_code(status)));
  compile_ns_ = now_ns() - start;
}

Session::~Session() { cnnc_destroy(executable_); }

}  // namespace cnnc::tools

// The command `cnnc`. Every command is a few lines over the library; this file chooses one and turns faults into messages
// and exit codes.
#include <CLI/App.hpp>
#include <CLI/CLI.hpp>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <new>

#include "ir/error.h"
#include "runtime/cnnc.h"
#include "runtime/exit_code.h"
#include "tools/commands.h"

namespace cnnc::tools {
namespace {

constexpr const char* kFooter =
    "\ncnnc --dump-ir MODEL prints the graph after import; --dump-ir=after:PASS the graph after a pass.\n"
    "cnnc COMMAND --help tells a command's options.\n"
    "exit codes: 0 done; 1 a comparison or test failed; 2 wrong usage; 3 the model is invalid or not supported;\n"
    "4 a file cannot be read or written; 5 out of a stated limit; 70 a fault of cnnc";

void declare(CLI::App& app, CommandStatus& status) {
  app.require_subcommand(1);
  app.set_version_flag("--version", "cnnc " CNNC_VERSION);
  app.footer(kFooter);
  add_compile(app, status);
  add_run(app, status);
  add_bench(app, status);
  add_train(app, status);
  add_eval(app, status);
  add_test(app, status);
  add_check(app, status);
  add_inspect(app, status);
  add_explain(app, status);
  add_compare(app, status);
  add_opt(app, status);
  add_list(app, status);
  add_dump(app, status);
}

// `cnnc --dump-ir[=...] MODEL` is the command `dump`; CLI11 knows no option whose value is optional and none that stands
// for a command.
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> result(argv + 1, argv + argc);
  if (result.empty() || result[0].rfind("--", 0) != 0) return result;
  bool dumps = false;
  for (std::string& argument : result) {
    if (argument == "--dump-ir") argument = "--dump-ir=import";
    dumps = dumps || argument.rfind("--dump-ir=", 0) == 0;
  }
  if (dumps) result.insert(result.begin(), "dump");
  return result;
}

int report(const std::string& message, int code) {
  std::fflush(stdout);
  std::fprintf(stderr, "error: %s\n", message.c_str());
  return code;
}

int parse(CLI::App& app, int argc, char** argv) {
  std::vector<std::string> words = arguments(argc, argv);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return report(cat(error.what(), "; see cnnc --help"), kExitUsage);
  }
}

int run(int argc, char** argv) {
  CLI::App app("cnnc compiles and runs neural networks.", "cnnc");
  CommandStatus status;
  try {
    declare(app, status);
    const int code = parse(app, argc, argv);
    return code != 0 ? code : status.code;
  } catch (const Error& error) {
    return report(error.message(), static_cast<int>(error.fault()));
  } catch (const std::bad_alloc&) {
    return report("out of memory", kExitLimit);
  } catch (const std::exception& error) {
    return report(cat("internal error: ", error.what()), kExitFault);
  }
}

}  // namespace
}  // namespace cnnc::tools

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file limit is reported like a full disk
  return cnnc::tools::run(argc, argv);
}

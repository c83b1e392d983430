// The command `cnnc`. Every command is a few lines over the library; this file chooses one and turns faults into messages
// and exit codes.
#include <CLI/App.hpp>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <memory>
#include <new>

#include "ir/error.h"
#include "runtime/cnnc.h"
#include "runtime/exit_code.h"
#include "tools/commands.h"
#include "tools/suggest.h"

namespace cnnc::tools {
namespace {

constexpr const char* kFooter =
    "\ncnnc --dump-ir MODEL prints the graph after import; --dump-ir=after:PASS the graph after a pass.\n"
    "cnnc COMMAND --help tells a command's options.\n"
    "exit codes: 0 done; 1 a comparison or test failed; 2 wrong usage; 3 the model is invalid or not supported;\n"
    "4 a file cannot be read or written; 5 out of a stated limit; 70 a fault of cnnc";

// Operands stand right below the line of usage, which names them, without a heading of their own.
class ShortFormatter : public CLI::Formatter {
 public:
  std::string make_positionals(const CLI::App* app) const override {
    std::string lines;
    for (const CLI::Option* option : app->get_options([](const CLI::Option* o) { return o->get_positional(); }))
      lines += make_option(option, true);
    return lines;
  }
};

void declare(CLI::App& app, CommandStatus& status) {
  app.require_subcommand(1);
  app.set_version_flag("--version", "cnnc " CNNC_VERSION);
  app.formatter(std::make_shared<ShortFormatter>());
  app.get_formatter()->column_width(46);  // most options and their explanation on one line
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
  app.footer(kFooter);  // of the command itself: what is added before does not inherit it
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

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(sub->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// A suggestion, or where to look.
std::string hint(const std::string& word, const std::vector<std::string>& known, const std::string& help) {
  const std::string suggested = suggestion(word, known);
  return suggested.empty() ? cat("; see ", help) : suggested;
}

// What is wrong with the words, in better words than the parser's where a name is unknown.
std::string parse_problem(const CLI::App& app, const std::vector<std::string>& words, const std::string& parsers) {
  if (words.empty()) return "which command? See cnnc --help";
  const std::vector<std::string> commands = command_names(app);
  if (words[0].rfind("-", 0) == 0) return cat(parsers, hint(words[0], {"--dump-ir", "--help", "--version"}, "cnnc --help"));
  if (std::find(commands.begin(), commands.end(), words[0]) == commands.end())
    return cat("there is no command ", quoted(words[0]), hint(words[0], commands, "cnnc --help"));
  const std::vector<std::string> options = option_names(*app.get_subcommand(words[0]));
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (name.rfind("--", 0) != 0 || std::find(options.begin(), options.end(), name) != options.end()) continue;
    return cat("cnnc ", words[0], " has no option ", name, hint(name, options, cat("cnnc ", words[0], " --help")));
  }
  return cat(parsers, "; see cnnc ", words[0], " --help");
}

int parse(CLI::App& app, int argc, char** argv) {
  const std::vector<std::string> words = arguments(argc, argv);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return report(parse_problem(app, words, error.what()), kExitUsage);
  }
}

int run(int argc, char** argv) {
  CLI::App app("cnnc compiles neural networks to native code, and runs them.", "cnnc");
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

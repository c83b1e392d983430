// The commands. Each function declares one: its options, and what it does when it is chosen.
#pragma once
#include <CLI/App.hpp>

namespace cnnc::tools {

// Status that the process ends with when the command found a difference; see runtime/exit_code.h.
struct CommandStatus {
  int code = 0;
};

void add_compile(CLI::App& app, CommandStatus& status);
void add_run(CLI::App& app, CommandStatus& status);
void add_bench(CLI::App& app, CommandStatus& status);
void add_train(CLI::App& app, CommandStatus& status);
void add_eval(CLI::App& app, CommandStatus& status);
void add_test(CLI::App& app, CommandStatus& status);
void add_check(CLI::App& app, CommandStatus& status);
void add_inspect(CLI::App& app, CommandStatus& status);
void add_list(CLI::App& app, CommandStatus& status);
void add_opt(CLI::App& app, CommandStatus& status);
void add_dump(CLI::App& app, CommandStatus& status);
void add_explain(CLI::App& app, CommandStatus& status);
void add_compare(CLI::App& app, CommandStatus& status);

}  // namespace cnnc::tools

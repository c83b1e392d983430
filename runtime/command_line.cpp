#include "runtime/command_line.h"

#include <string.h>

#include "runtime/arguments.h"

namespace cnnc {
namespace {

bool parse_flag(Arguments& args, CommandLine* line) {
  if (args.flag("--help") || args.flag("-h")) return line->help = true;
  if (args.flag("--version")) return line->version = true;
  if (args.flag("--json")) return line->json = true;
  if (args.flag("--serve")) return line->serve = true;
  if (args.flag("--profile")) return line->profile = true;
  return false;
}

bool parse_number(Arguments& args, CommandLine* line) {
  return args.number("--threads", 1, &line->threads) ||
         args.number("--warmup", 0, &line->warmup) ||
         args.number("--repeat", 0, &line->repeat) ||
         args.number("--max-mem", 1, &line->max_bytes);
}

// Values up to the next option all belong to --inputs.
bool parse_inputs(Arguments& args, CommandLine* line) {
  const char* first = args.value("--inputs");
  if (!first) return false;
  line->inputs[static_cast<size_t>(line->input_count++)] = first;
  for (; !args.done() && args.current()[0] != '-'; args.advance()) {
    line->inputs[static_cast<size_t>(line->input_count++)] = args.current();
  }
  return true;
}

bool parse_value(Arguments& args, CommandLine* line, ErrorText* error) {
  if (const char* directory = args.value("--outputs")) {
    line->outputs = directory;
  } else if (const char* dim = args.value("--dim")) {
    line->dims[static_cast<size_t>(line->dim_count++)] = dim;
  } else if (const char* format = args.value("--format")) {
    line->format = format;
    if (strcmp(format, "pb") && strcmp(format, "npy")) {
      args.failed = !error->set("--format is 'pb' or 'npy', not '%s'", format);
    }
  } else if (const char* precision = args.value("--precision")) {
    if (strcmp(precision, "f32") && strcmp(precision, "auto")) {
      args.failed = !error->set("the precision was chosen at compile time; this model has f32");
    }
  } else {
    return false;
  }
  return true;
}

} // namespace

bool CommandLine::parse(int argc, char** argv, ErrorText* error) {
  const auto most = static_cast<size_t>(argc);
  if (!inputs.allocate(most) || !dims.allocate(most)) return error->set("out of memory");
  Arguments args(argc, argv, error);
  while (!args.done()) {
    const bool known = parse_flag(args, this) || parse_number(args, this) ||
                       parse_inputs(args, this) || parse_value(args, this, error);
    if (args.failed) return false;
    if (!known) return error->set("unknown argument '%s'; see --help", args.current());
  }
  return true;
}

} // namespace cnnc

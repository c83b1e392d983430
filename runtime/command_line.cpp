#include "runtime/command_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

namespace cnnc {
namespace {

// Walks over argv; an option's value is what follows it or what stands behind '='.
class Arguments {
 public:
  Arguments(int argc, char** argv, ErrorText* error)
      : argv_(argv), count_(argc), error_(*error) {}

  bool done() const { return at_ >= count_; }
  const char* current() const { return argv_[at_]; }
  void advance() { ++at_; }

  // True when the current argument is this flag, which is then consumed.
  bool flag(const char* name) {
    if (strcmp(current(), name)) return false;
    ++at_;
    return true;
  }

  // The value of this option, or NULL when the current argument is another. Sets `failed` when the
  // value is missing.
  const char* value(const char* name) {
    const size_t length = strlen(name);
    if (strncmp(current(), name, length)) return nullptr;
    const char* rest = current() + length;
    if (*rest == '=') {
      ++at_;
      return rest + 1;
    }
    if (*rest) return nullptr;
    if (at_ + 1 >= count_) {
      failed = !error_.set("%s needs a value", name);
      return nullptr;
    }
    at_ += 2;
    return argv_[at_ - 1];
  }

  // The same for a number from `least` up; false when the current argument is another.
  bool number(const char* name, int64_t least, int64_t* out) {
    const char* text = value(name);
    if (!text) return false;
    char* end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (end == text || *end || errno || *out < least) {
      failed = !error_.set("%s needs a whole number from %lld up, not '%s'", name,
                           static_cast<long long>(least), text);
    }
    return true;
  }

  bool failed = false;

 private:
  char** argv_;
  int count_;
  int at_ = 1;
  ErrorText& error_;
};

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

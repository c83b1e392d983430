// The command line of a compiled executable.
#ifndef RUNTIME_COMMAND_LINE_H_
#define RUNTIME_COMMAND_LINE_H_

#include <stdint.h>

#include "runtime/array.h"
#include "runtime/error_text.h"

namespace cnnc {

struct CommandLine {
  bool help = false, version = false;
  bool json = false, serve = false, profile = false;
  int64_t threads = 0, warmup = 1, repeat = 10, max_bytes = 0;
  const char* outputs = nullptr;
  const char* format = "pb";
  Array<const char*> inputs, dims; // big enough for all of argv
  int32_t input_count = 0, dim_count = 0;

  // False with a message when the arguments are wrong.
  bool parse(int argc, char** argv, ErrorText* error);
};

} // namespace cnnc

#endif // RUNTIME_COMMAND_LINE_H_

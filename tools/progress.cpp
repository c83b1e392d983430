#include "tools/progress.h"

#include <unistd.h>

#include <cstdio>

namespace cnnc::tools {

Progress::Progress(bool quiet) : shown_(!quiet && isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() { clear(); }

void Progress::say(const std::string& stage) const {
  if (shown_) std::fprintf(stderr, "\r\033[K%s ...", stage.c_str());
}

void Progress::clear() const {
  if (shown_) std::fprintf(stderr, "\r\033[K");
}

}  // namespace cnnc::tools

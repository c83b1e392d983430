#include "runtime/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

namespace cnnc {

bool Arguments::flag(const char* name) {
  if (strcmp(current(), name)) return false;
  ++at_;
  return true;
}

const char* Arguments::value(const char* name) {
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

bool Arguments::text(const char* name, const char** out) {
  const char* found = value(name);
  if (found) *out = found;
  return found != nullptr;
}

bool Arguments::number(const char* name, int64_t least, int64_t* out) {
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

bool Arguments::real(const char* name, double least, double most, double* out) {
  const char* text = value(name);
  if (!text) return false;
  char* end;
  *out = strtod(text, &end);
  if (end == text || *end || !(*out >= least && *out <= most)) {
    failed = !error_.set("%s needs a number from %g to %g, not '%s'", name, least, most, text);
  }
  return true;
}

} // namespace cnnc

#include "runtime/error_text.h"

#include <stdarg.h>
#include <stdio.h>

namespace cnnc {

bool ErrorText::set(const char* format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  for (char* c = text; *c; ++c) {
    if (static_cast<unsigned char>(*c) < 0x20 || *c == 0x7f) *c = '?';
  }
  return false;
}

} // namespace cnnc

// A message in a fixed buffer: what the runtime, which must not allocate, reports errors with.
#ifndef RUNTIME_ERROR_TEXT_H_
#define RUNTIME_ERROR_TEXT_H_

#include <stddef.h>

namespace cnnc {

struct ErrorText {
  char text[1024] = "";

  // Formats as printf does and returns false, so that a check can `return error->set(...)`.
  // Control characters, which names from files may contain, are replaced by '?'.
  bool set(const char* format, ...) __attribute__((format(printf, 2, 3)));
};

} // namespace cnnc

#endif // RUNTIME_ERROR_TEXT_H_

// The arguments of a program, one after the other.
#ifndef RUNTIME_ARGUMENTS_H_
#define RUNTIME_ARGUMENTS_H_

#include <stdint.h>

#include "runtime/error_text.h"

namespace cnnc {

// Walks over argv; an option's value is what follows it or what stands behind '='.
class Arguments {
 public:
  Arguments(int argc, char** argv, ErrorText* error)
      : argv_(argv), count_(argc), error_(*error) {}

  bool done() const { return at_ >= count_; }
  const char* current() const { return argv_[at_]; }
  void advance() { ++at_; }

  // True when the current argument is this flag, which is then consumed.
  bool flag(const char* name);

  // The value of this option, or NULL when the current argument is another. Sets `failed` when the
  // value is missing.
  const char* value(const char* name);
  // The same for a text that is kept; false when the current argument is another.
  bool text(const char* name, const char** out);
  // The same for a whole number from `least` up, and for any number from `least` to `most`.
  bool number(const char* name, int64_t least, int64_t* out);
  bool real(const char* name, double least, double most, double* out);

  bool failed = false;

 private:
  char** argv_;
  int count_;
  int at_ = 1;
  ErrorText& error_;
};

} // namespace cnnc

#endif // RUNTIME_ARGUMENTS_H_

// How every fault is reported.
//
// The user's fault (a bad model, a wrong shape) is an `Error`: it is thrown where it is found, collects context on its
// way up, and is caught in tools/ and at the C boundary only. Our own fault is CNNC_CHECK: on in every build.
#pragma once
#include <exception>
#include <sstream>
#include <string>
#include <vector>

namespace cnnc {

// What kind of fault it is; the command's exit codes (see docs/architecture.md).
enum class Fault : int {
  mismatch = 1,  // a comparison or test failed
  usage = 2,     // wrong use of a command
  model = 3,     // the model is invalid or not supported
  file = 4,      // a file cannot be read or written
  limit = 5,     // out of a stated limit
  internal = 70,
};

class Error : public std::exception {
 public:
  explicit Error(std::string message, Fault fault = Fault::model)
      : fault_(fault), message_(std::move(message)) {}

  Fault fault() const { return fault_; }
  // The message alone, without its context.
  const std::string& message() const { return message_; }
  // Adds "while <what>" below the message; the innermost context comes first.
  Error& while_doing(const std::string& what) {
    message_ += "\n  while " + what;
    return *this;
  }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  Fault fault_;
  std::string message_;
};

// Concatenates anything that can be printed to a stream.
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// Quotes `text` for a message: control characters and invalid bytes are escaped, long text is cut.
std::string quoted(const std::string& text, size_t limit = 120);

namespace detail {
struct CheckFailure {
  CheckFailure(const char* condition, const char* file, int line);
  [[noreturn]] ~CheckFailure() noexcept(false);
  template <typename T>
  CheckFailure& operator<<(const T& part) {
    text << part;
    return *this;
  }
  std::ostringstream text;
};
}  // namespace detail

#define CNNC_CHECK(condition) \
  if (condition) {            \
  } else                      \
    ::cnnc::detail::CheckFailure(#condition, __FILE__, __LINE__)

}  // namespace cnnc

#include "ir/error.h"

#include <cstdio>
#include <cstring>

namespace cnnc {

std::string quoted(const std::string& text, size_t limit) {
  std::string out = "'";
  for (unsigned char c : text) {
    if (out.size() > limit) return out + "...'";
    if (c < 0x20 || c == 0x7F || c == '\'' || c == '\\') {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", c);
      out += escaped;
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + "'";
}

namespace detail {

CheckFailure::CheckFailure(const char* condition, const char* file, int line) {
  const char* base = std::strrchr(file, '/');
  text << "internal error at " << (base ? base + 1 : file) << ":" << line << ": " << condition << " does not hold. ";
}

CheckFailure::~CheckFailure() noexcept(false) { throw Error(text.str(), Fault::internal); }

}  // namespace detail
}  // namespace cnnc

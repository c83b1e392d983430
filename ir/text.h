// Spellings that the printer and the parser of graphs share.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/dtype.h"

namespace cnnc {

// `"a\"b"`: quoted and escaped.
std::string text_of(const std::string& string);
// Shortest exact digits, always with a `.`, an `e`, `inf` or `nan`.
std::string text_of(double value);
// Names that need no quotes: letters, digits, `_` and `.`, not starting with a digit or a dot.
bool is_identifier(std::string_view name);

// The NaN that is printed as `nan`; others are `nan:<bits in hexadecimal>`.
uint64_t plain_nan(DType dtype);

}  // namespace cnnc

#pragma once

namespace cnnc::codegen {

// The text of runtime/cnnc.h.
extern const char* const kCInterface;

}  // namespace cnnc::codegen

// The model of tests/runtime/affine_model.h as an object file made by the C compiler.
#pragma once
#include <string>

#include "codegen/compile.h"

namespace cnnc {

// More than it needs: [1, 2, 3] at the start, 42 in the last byte, zeros between.
inline constexpr uint64_t kAffineWeightBytes = 20'000'000;

codegen::CompiledModel affine_object(const std::string& folder);

}  // namespace cnnc

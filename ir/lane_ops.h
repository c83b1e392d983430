// Scalar operators applied to many points at once: the arithmetic of the interpreter.
#pragma once
#include "ir/scalar.h"

namespace cnnc {

// Vectors of `count` elements. Booleans are bytes 0 or 1; f16 and bf16 are their bits.
struct Lanes {
  const void* args[3] = {nullptr, nullptr, nullptr};
  void* result = nullptr;
  int count = 0;
};

// One operator with the meaning that ir/scalar.h gives it; no leaf and no load. `dtype` is the type of the last argument,
// `result` that of the result. Arithmetic takes no f16 and bf16: only cast, bitcast and select do.
void run_lanes(ScalarOp op, DType dtype, DType result, const Lanes& lanes);

}  // namespace cnnc

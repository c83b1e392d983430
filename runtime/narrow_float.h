// Floats of 8 and 4 bits: what their codes mean.
#pragma once
#include <cstdint>

#include "runtime/dtype.h"

namespace cnnc {

// A code is a sign bit above an exponent above a mantissa; f8e8m0 is an exponent alone. Of the largest codes some mean
// infinity or NaN. Codes without the sign are ordered as their numbers are.
struct NarrowFloatFormat {
  int mantissa_bits;
  int bias;       // of the exponent
  int sign_bit;   // its position; 8: there is no sign
  int largest;    // code of the largest number, without the sign
  int infinity;   // code, without the sign; -1: there is none
  int nan;        // code of the NaN that conversions give; -1: there is none
  bool signed_zero;  // else the code of -0 is the only NaN
};

// Throws nothing; `type` is a narrow float.
NarrowFloatFormat narrow_float_format(DType type);

// The number that a code stands for. Every one is an f32.
float narrow_float_value(DType type, uint8_t code);
// The code of the nearest number, of two the one with the even code; what is too large becomes the largest number, NaN
// without a code becomes zero. f8e8m0 rounds up and drops the sign. As Cast does by default, but for infinity, which
// stays infinity where the type has it.
uint8_t narrow_float_code(DType type, double value);

}  // namespace cnnc
